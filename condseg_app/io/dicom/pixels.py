"""Storage of a DICOM file's pixels, with its oddities."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.common import PhotometricInterpretation
from pydicom.uid import UID, MediaStorageDirectoryStorage

from condseg_app.errors import ReadError
from condseg_app.io.dicom.bits import PixelBits, contradictions, pixel_bits
from condseg_app.io.dicom.decoders import decoder_for
from condseg_app.io.dicom.header import DicomHeader
from condseg_app.io.dicom.palette import Palette, palette_of
from condseg_app.io.dicom.streams import LOSSY_JPEG, StreamClaim
from condseg_app.io.dicom.values import Oddities, one_number, value_of

# No lossless packing of an honest image is better; claims beyond this are bombs.
_BEST_COMPRESSION = 5000
_HEADER_BYTES = 1 << 16
_INVERTED = "MONOCHROME1"
_PALETTE = "PALETTE COLOR"
_WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_OF_A_SCREEN = ("SCREEN SAVE", "SCREENSHOT", "SCREEN CAPTURE")


@dataclass(frozen=True)
class SliceKind:
    """Storage of a slice's pixels.

    Attributes:
        columns: pixels of a row, I.
        rows: pixels of a column, J.
        channels: 1, or 3 of a colour picture.
        dtype: of the numbers, in the machine's byte order.
        bits: the bits of a number.
        photometric: how the numbers of a pixel make a grey or a colour.
        planar: 1 where each colour has a plane of its own, else 0.
        syntax: the file's encoding.
        decoder: pydicom's name of the decoder, '' for unpacked pixels.
        palette: colours of the numbers, if these are a palette's.
        is_implicit: whether packed pixels follow elements without value representations.
    """

    columns: int
    rows: int
    channels: int
    dtype: np.dtype[np.generic]
    bits: PixelBits
    photometric: str
    planar: int
    syntax: UID
    decoder: str
    palette: Palette | None = None
    is_implicit: bool = False

    @property
    def stored(self) -> int:
        """Stored numbers of a pixel."""
        return 1 if self.palette is not None else self.channels


def kind_of(header: DicomHeader, odd: Oddities) -> SliceKind:
    """Storage of a file's pixels; `odd` takes gaps of the header, and contradictions with packed pixels.

    Raises:
        ReadError: the file has no pixels, or pixels that are not supported.
    """
    path = header.path
    columns, rows = (header.number(key, 0) for key in ("Columns", "Rows"))
    if header.pixels is None:
        raise ReadError(_without_pixels(header), path=path)
    if rows <= 0 or columns <= 0:
        raise ReadError(
            f"its header says that the image has {columns} Columns and {rows} Rows; correct the header with a DICOM "
            "editor",
            path=path,
        )
    channels, photometric = _colours(header, odd)
    palette = palette_of(header.data, odd) if photometric == _PALETTE else None
    try:
        decoder = decoder_for(header.syntax, header.claim.bits if header.claim else 0)
    except ReadError as error:
        raise ReadError(error.message, path=path) from error
    bits = _bits(header, channels, odd)
    planar = 1 if header.number("PlanarConfiguration", 0) == 1 else 0
    dtype = _dtype(header, bits) if palette is None else np.dtype(np.uint8)
    return SliceKind(
        columns,
        rows,
        channels if palette is None else 3,
        dtype,
        bits,
        "MONOCHROME2" if photometric == _PALETTE else photometric,
        planar,
        header.syntax,
        decoder,
        palette,
        header.is_implicit,
    )


def _without_pixels(header: DicomHeader) -> str:
    """Message for a file without pixels."""
    meta = getattr(header.data, "file_meta", Dataset())
    if str(meta.get("MediaStorageSOPClassUID")) == MediaStorageDirectoryStorage:
        return "is the table of contents of a disc (DICOMDIR), not an image; open the folder that it is in"
    if not header.text("SOPClassUID") and not header.text("Modality"):
        return "holds no DICOM image, or its header is damaged; choose another file, or copy this one again"
    return f"holds no pixels ({header.text('Modality') or 'no image'}); choose the image series that it belongs to"


def _colours(header: DicomHeader, odd: Oddities) -> tuple[int, str]:
    """Numbers per pixel, and their photometric interpretation; a packed stream overrules the header."""
    photometric, claim = header.text("PhotometricInterpretation").upper(), header.claim
    channels = header.number("SamplesPerPixel", 3 if photometric.startswith(("RGB", "YBR")) else 1)
    if photometric.startswith("PALETTE") and channels == 1:
        return 1, _PALETTE
    if channels not in (1, 3) or photometric.startswith("PALETTE"):
        raise ReadError(
            f"holds {photometric.lower()} pixels; save them as grey or as red, green, blue", path=header.path
        )
    if claim is not None and claim.channels != channels and claim.channels in (1, 3):
        odd.append(
            f"its header says {channels} numbers a pixel, its packed pixels have {claim.channels}; these are read"
        )
        channels, photometric = claim.channels, "MONOCHROME2" if claim.channels == 1 else _packed_colours(claim)
    elif claim is not None and claim.is_mixed and photometric.startswith("YBR_FULL"):
        odd.append(
            f"its header says that its colours are {photometric}, its packed pixels that they are not; RGB is taken"
        )
        photometric = "YBR_RCT"
    if photometric not in PhotometricInterpretation.__members__:
        taken = "grey pixels" if channels == 1 else "red, green and blue"
        odd.append(f"its Photometric Interpretation is '{photometric or 'missing'}'; {taken} are taken")
        photometric = "MONOCHROME2" if channels == 1 else "RGB"
    return channels, photometric


def _packed_colours(claim: StreamClaim) -> str:
    """Usual storage of a stream's colours, where the header claims grey."""
    if claim.is_mixed:
        return "YBR_RCT"
    return "YBR_FULL" if claim.syntax in LOSSY_JPEG else "RGB"


def _bits(header: DicomHeader, channels: int, odd: Oddities) -> PixelBits:
    allocated = header.number("BitsAllocated", 16)
    stored = header.number("BitsStored", allocated)
    representation = header.number("PixelRepresentation", 0)
    if representation not in (0, 1):
        odd.append(f"its Pixel Representation is {representation}, not 0 or 1; numbers without a sign are taken")
    if not 1 <= stored <= allocated:
        odd.append(f"its header says that {stored} of {allocated} bits are used; all are taken")
    claim, signed = header.claim if channels == 1 else None, representation == 1
    bits = pixel_bits(allocated, stored, header.number("HighBit", stored - 1), signed, claim)
    contradictions(bits, allocated, signed, claim, odd)
    return bits


def _dtype(header: DicomHeader, bits: PixelBits) -> np.dtype[Any]:
    if header.pixels == "FloatPixelData":
        return np.dtype(np.float32)
    if header.pixels == "DoubleFloatPixelData":
        return np.dtype(np.float64)
    if bits.allocated not in (1, 8, 16, 32):
        raise ReadError(
            f"stores pixels of {bits.allocated} bits, which is not read; convert it to 16", path=header.path
        )
    return np.dtype(f"{'i' if bits.signed and bits.allocated > 1 else 'u'}{max(1, bits.allocated // 8)}")


def check_size(header: DicomHeader, kind: SliceKind, count: int) -> None:
    """Refuse headers that claim more pixels than the file can hold.

    Raises:
        ReadError: the header does.
    """
    pixels = kind.columns * kind.rows * kind.stored * count
    size = kind.dtype.itemsize if kind.palette is None else kind.bits.allocated // 8
    claimed = (pixels + 7) // 8 if header.number("BitsAllocated", 16) == 1 else pixels * size
    subsampled = 2 if header.text("PhotometricInterpretation").startswith("YBR_FULL_422") else 1
    most = header.room * _BEST_COMPRESSION + _HEADER_BYTES if kind.syntax.is_compressed else header.room * subsampled
    if claimed > most:
        raise ReadError(
            f"the file is cut off: it claims {claimed:,} bytes of pixels and has {header.room:,}; copy it again",
            path=header.path,
        )


def check_is_whole(header: DicomHeader, count: int) -> None:
    """Refuse the tiles of a larger picture, which would pass for slices or points in time.

    Raises:
        ReadError: the frames are such tiles.
    """
    columns, rows = (header.number(f"TotalPixelMatrix{side}", 0) for side in ("Columns", "Rows"))
    tiled = header.text("DimensionOrganizationType").startswith("TILED")
    is_part = columns > header.number("Columns", 0) or rows > header.number("Rows", 0)
    if is_part or (count > 1 and (tiled or header.text("SOPClassUID") == _WHOLE_SLIDE)):
        size = f" of {columns:,} x {rows:,} pixels" if columns and rows else ""
        raise ReadError(
            f"holds a picture{size} in {count:,} tiles, as whole slides are, which are not put together here; "
            "convert it to OME-Zarr (bioformats2raw does) or to a picture",
            path=header.path,
        )


def pixel_oddities(header: DicomHeader) -> Oddities:
    """Oddities of the pixels; as a rule the same for all slices of a series."""
    data, found = header.data, Oddities()
    if header.text("PhotometricInterpretation") == _INVERTED:
        found.append("its low values are meant to be bright (MONOCHROME1); they are kept as they are stored")
    if value_of(data, "ModalityLUTSequence"):
        found.append("its table of intensities (Modality LUT) is not applied; they are kept as they are stored")
    if header.text("LossyImageCompression") == "01":
        found.append("its pixels were compressed with loss")
    padding = one_number(data, "PixelPaddingValue", [])
    if padding is not None:
        found.append(f"pixels outside the scanned field are stored as {padding:g}")
    if _is_of_a_screen(header):
        found.append(
            "it is a secondary capture: a picture of a screen, of a film or of another program's, maybe of several "
            "views at once; sizes and intensities in it may mean nothing"
        )
    return found


def _is_of_a_screen(header: DicomHeader) -> bool:
    """Whether an image shows a screen or film; secondary captures with a place are ordinary slices."""
    if any(words in header.text("ImageType").upper() for words in _OF_A_SCREEN):
        return True
    captured = header.text("SOPClassUID")
    is_placed = value_of(header.data, "ImagePositionPatient") or value_of(header.data, "SharedFunctionalGroupsSequence")
    return (captured == _SECONDARY_CAPTURE or captured.startswith(f"{_SECONDARY_CAPTURE}.")) and not is_placed
