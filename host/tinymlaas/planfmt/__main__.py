"""``python -m tinymlaas.planfmt``: rewrites the C header and the tables of the document."""

from .text import C_HEADER_PATH, DOCS_PATH, c_header, docs_text

C_HEADER_PATH.write_text(c_header())
DOCS_PATH.write_text(docs_text(DOCS_PATH.read_text()))
