"""Choice of decoder for DICOM pixels: permissive licences, no crash or hang on damaged files.

Lossless JPEG, JPEG-LS and JPEG 2000 are decoded by imagecodecs, which pydicom does not know: this module is a pydicom
plugin for imagecodecs. Reasons against other decoders are in docs/decisions/0011-decoders-of-dicom.md.
"""

from importlib.util import find_spec

import numpy as np
from pydicom.pixels.decoders.base import DecodeRunner, get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEGLSTransferSyntaxes,
)

from condseg_app.errors import ReadError
from condseg_app.io.dicom.streams import claim_of

_JPEG_2000 = (JPEG2000, JPEG2000Lossless, HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL)
DECODER_DEPENDENCIES = {
    UID(syntax): ("imagecodecs",)
    for syntax in (
        JPEGExtended12Bit,
        JPEGLossless,
        JPEGLosslessSV1,
        JPEGLSLossless,
        JPEGLSNearLossless,
        *_JPEG_2000,
    )
}
"""Packages that pydicom names where a decoder is missing."""

_LABEL = "imagecodecs"
_END = b"\xff\xd9"
_PREFERRED = (_LABEL, "pyjpegls", "pydicom", "pillow", "pylibjpeg")


def decoder_for(syntax: UID, bits: int = 0) -> str:
    """Name of the decoder; '' for unpacked pixels.

    Args:
        syntax: how pixels are packed.
        bits: of a number in the packed stream, 0 if unknown.

    Raises:
        ReadError: the packing is not supported, or a package is missing.
    """
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise ReadError(f"is packed as {syntax.name}, which is not read; save it uncompressed") from error
    if not syntax.is_compressed:
        return ""
    there = decoder.available_plugins
    of_8_bits = syntax == JPEGExtended12Bit and bits <= 8
    for name in ("pillow", *_PREFERRED) if of_8_bits else _PREFERRED:
        if name in there:
            return name
    lacking = DECODER_DEPENDENCIES.get(syntax, ("pillow",))[0]
    raise ReadError(f"is packed as {syntax.name}, and the decoder for it is missing; install {lacking}")


def is_available(syntax: str) -> bool:
    """Whether this plugin can decode a transfer syntax."""
    return syntax in DECODER_DEPENDENCIES and find_spec("imagecodecs") is not None


def decode_frame(packed: bytes, runner: DecodeRunner) -> bytes:
    """A frame's pixels, without conversion of colours, in the header's width of numbers."""
    from imagecodecs import jpeg2k_decode, jpeg8_decode, jpegls_decode

    syntax = runner.transfer_syntax
    claim = claim_of(packed)
    claimed = (0, 0) if claim is None else (claim.rows, claim.columns)
    if claimed != (runner.rows, runner.columns):  # before memory is allocated
        raise ValueError(f"a frame claims {claimed} pixels")
    if syntax in _JPEG_2000:
        pixels = np.asarray(jpeg2k_decode(packed))
        if runner.photometric_interpretation in ("YBR_ICT", "YBR_RCT"):  # undone by the decoder
            runner.set_option("photometric_interpretation", "RGB")
    elif syntax in JPEGLSTransferSyntaxes:
        if not packed.rstrip(b"\0").endswith(_END):  # CharLS spends seconds on such frames
            raise ValueError("a frame is cut off")
        pixels = np.asarray(jpegls_decode(packed))
    else:
        as_stored = None if runner.samples_per_pixel == 1 else "RGB"
        pixels = np.asarray(jpeg8_decode(packed, colorspace=as_stored, outcolorspace=as_stored))
    if pixels.ndim == 3:
        runner.set_option("planar_configuration", 0)
    return pixels.astype(f"<u{runner.bits_allocated // 8}").tobytes()


for _syntax in DECODER_DEPENDENCIES:  # as pydicom adds the decoders of its own list
    get_decoder(_syntax).add_plugin(_LABEL, (__name__, decode_frame.__name__))
