"""Runs several `tinymlaas` commands in one process: importing TensorFlow takes longer than all of them.

A JSON array of argument lists on stdin; on the last line of stdout one object for each: `code`, `out`, `err`.
"""

import contextlib
import io
import json
import sys

from tinymlaas.cli import main


def run(arguments):
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = ["tinymlaas", *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


if __name__ == "__main__":
    print(json.dumps([run(arguments) for arguments in json.load(sys.stdin)]))
