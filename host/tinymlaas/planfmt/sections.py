"""Everything in the file besides the records."""

from .layout import Field, Layout
from .numbers import MAX_RANK

HEADER = Layout(
    "header",
    "Starts the file. Offsets count from the start of the file; sections follow in the order of their offsets.",
    (
        Field("magic", "u8", "the bytes 54 4D 4C 1A ('TML', SUB)", 4),
        Field("format_version", "u16", "version of this format; a reader refuses any other"),
        Field("min_runtime", "u16", "lowest runtime version that knows every operator used"),
        Field("file_bytes", "u32", "size of the whole file"),
        Field("target", "u16", "kernel target whose constant layouts are used"),
        Field("flags", "u16", "bit 0: the model keeps state between runs"),
        Field("arena_bytes", "u32", "RAM for activations and scratch, multiple of 16"),
        Field("scratch_bytes", "u32", "largest scratch of one operator; part of arena_bytes"),
        Field("n_inputs", "u8", "number of input tensors"),
        Field("n_outputs", "u8", "number of output tensors"),
        Field("n_selftests", "u8", "number of self-test vectors"),
        Field(
            "n_init",
            "u8",
            "how many of the operator records come first, to be run once: they put the state at its beginning",
        ),
        Field("n_records", "u16", "number of operator records"),
        Field("state_blocks", "u16", "state between runs at the start of the arena, in 16 bytes"),
        Field("tensors_offset", "u32", "inputs then outputs, one `tensor` each"),
        Field(
            "records_offset", "u32", "operator records, 64 bytes each, in order of execution, those of `n_init` first"
        ),
        Field("constants_offset", "u32", "weights and per-channel parameters, multiple of 16"),
        Field("constants_bytes", "u32", "size of the constants"),
        Field("selftests_offset", "u32", "self-test vectors"),
        Field("selftests_bytes", "u32", "size of the self-test vectors"),
        Field("metadata_offset", "u32", "JSON text, UTF-8: labels, tensor and layer names, provenance"),
        Field("metadata_bytes", "u32", "size of the metadata"),
        Field("signature_offset", "u32", "the `signature` that ends a signed file, multiple of 4; 0 = unsigned"),
        Field("min_version", "u32", "release counter of a signed module, from 1, against going back; 0 = unsigned"),
        Field(
            "payload_sha256", "u8", "SHA-256 of all bytes from the end of the header to the signature or the end", 32
        ),
    ),
)

TENSOR = Layout(
    "tensor",
    "An input or output of the model.",
    (
        Field("offset", "u32", "where it lies in the arena, multiple of 16"),
        Field("bytes", "u32", "its size: product of the shape times the size of the dtype"),
        Field("dtype", "u8", "1 int8, 2 uint8, 3 int16, 4 int32, 5 float32, 6 bool"),
        Field("rank", "u8", "how many entries of shape are used, 0 to 6"),
        Field("reserved", "u16", "zero"),
        Field("zero_point", "i32", "real = scale * (q - zero_point)"),
        Field("scale", "u32", "bits of a float32; 0 = not quantised"),
        Field("shape", "u32", "dimensions, outermost first", MAX_RANK),
    ),
)

CHANNEL = Layout(
    "channel",
    "Per output channel of a convolution or fully-connected operator, in one stream.",
    (
        Field("bias", "i32", "bias minus input zero point times the sum of the channel's weights (mod 2^32)"),
        Field("multiplier", "i32", "Q31 mantissa of input scale * weight scale / output scale; 0 or 2^30 to 2^31-1"),
        Field("shift", "i32", "exponent of the same, -31 to 30; positive shifts left"),
    ),
)

WIDE_CHANNEL = Layout(
    "wide_channel",
    "Per output channel of a CONV_INT16, in one stream.",
    (
        Field("bias_low", "u32", "low half of the bias"),
        Field("bias_high", "i32", "high half of the same, of 64 bits"),
        Field("multiplier", "i32", "Q31 mantissa as of a `channel`; for sums of 64 bits with zeros in the low 16 bits"),
        Field("shift", "i32", "exponent of the same, -31 to 30; for sums of 64 bits to 7"),
    ),
)

SCALE = Layout(
    "scale",
    "A multiplier of all channels of a kind.",
    (
        Field("multiplier", "i32", "Q31 mantissa, 0 or 2^30 to 2^31-1"),
        Field("shift", "i32", "exponent, -31 to 30; positive shifts left"),
    ),
)

SIGNATURE = Layout(
    "signature",
    "Ends a signed file. `signature` covers SIGNED_MODULE and the header, `certificate` SIGNED_SIGNER, `signer` and `epoch`.",
    (
        Field("signer", "u8", "Ed25519 public key that made `signature`", 32),
        Field(
            "epoch",
            "u32",
            "of the certificate, from 1, so that signers can be revoked; 0 = the signer is a release key",
        ),
        Field("reserved", "u32", "zero"),
        Field(
            "certificate",
            "u8",
            "by a release key, for `signer` and `epoch`; zeros where the signer is a release key",
            64,
        ),
        Field("signature", "u8", "by `signer`, of the header", 64),
    ),
)
# What a key signs begins with one of these, so that no signature can stand for another kind.
SIGNED_MODULE = b"TML module 1\0"
SIGNED_SIGNER = b"TML signer 1\0"
