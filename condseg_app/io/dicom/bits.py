"""How the bits of stored pixels make numbers, also where header and packed stream contradict each other."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.io.dicom.streams import LOSSY_JPEG, StreamClaim
from condseg_app.io.dicom.values import Oddities


@dataclass(frozen=True)
class PixelBits:
    """The bits of a stored pixel that hold the number.

    Attributes:
        allocated: bits of a pixel.
        used: bits of the number, by the header.
        shift: unused bits below the number.
        signed: whether numbers may be negative.
        stream: bits by the packed stream; None for unpacked pixels, or packings that do not state the bits.
        stream_signed: whether the stream itself has negative numbers.
    """

    allocated: int
    used: int
    shift: int = 0
    signed: bool = False
    stream: int | None = None
    stream_signed: bool = False

    @property
    def most(self) -> int:
        """The most bits that a number needs."""
        return max(self.used, self.stream or 0)


def pixel_bits(allocated: int, stored: int, high: int, signed: bool, claim: StreamClaim | None) -> PixelBits:
    """Combine the bits of the header with those of a packed stream.

    Args:
        allocated: Bits Allocated.
        stored: Bits Stored.
        high: High Bit.
        signed: whether the Pixel Representation is that of signed numbers.
        claim: of the first frame's stream; None for unpacked pixels, or packings that do not state the bits.
    """
    used = stored if 1 <= stored <= allocated else allocated
    if claim is None:
        shift = high + 1 - used if used <= high + 1 <= allocated else 0
        return PixelBits(allocated, used, shift, signed)
    least = claim.bits if claim.syntax in LOSSY_JPEG else max(allocated, claim.bits)
    width = next((width for width in (8, 16, 32) if width >= least), allocated)
    return PixelBits(width, min(used, width), 0, signed or bool(claim.signed), claim.bits, bool(claim.signed))


def contradictions(bits: PixelBits, allocated: int, signed: bool, claim: StreamClaim | None, odd: Oddities) -> None:
    """Note contradictions of header and stream, and the side that is taken."""
    if claim is None:
        return
    if claim.bits > allocated:
        odd.append(f"its header has {allocated} bits a pixel, its packed pixels {claim.bits}; {claim.bits} are taken")
    elif signed and claim.bits != bits.used and not claim.signed:
        odd.append(
            f"its header says that {bits.used} bits with a sign are used, its packed pixels have {claim.bits}; check "
            "its darkest and brightest values"
        )
    if claim.signed is not None and claim.signed != signed:
        said, taken = ("with", "without") if signed else ("without", "with")
        read = "negative numbers are read as its header has it" if signed else "they are read with a sign"
        odd.append(f"its header says pixels {said} a sign, its packed pixels are {taken}; {read}")


def settled(stored: NDArray[Any], bits: PixelBits) -> NDArray[Any]:
    """Numbers of grey pixels from a file or a decoder, without unused bits and with signs."""
    width = 8 * stored.dtype.itemsize
    stored = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if bits.stream_signed:
        return stored.view(f"i{stored.dtype.itemsize}")
    plain = stored.view(f"u{stored.dtype.itemsize}")
    used = min(width, _bits_used(plain, bits))
    if used == width and not bits.shift:
        return plain.view(f"i{plain.dtype.itemsize}") if bits.signed else plain
    below = min(bits.shift, width - used)
    raised = plain << (width - used - below)  # bits above the number fall off
    return (raised.view(f"i{plain.dtype.itemsize}") if bits.signed else raised) >> (width - used)


def _bits_used(plain: NDArray[Any], bits: PixelBits) -> int:
    """Number of bits of a number in this frame.

    Bits of the stream beyond the stated bits mostly are 0 or repeat the sign; other values there are part of the
    numbers.
    """
    if bits.stream is None or bits.stream == bits.used:
        return bits.used
    if not bits.signed or bits.stream < bits.used:
        return bits.stream
    above = plain >> (bits.used - 1)  # the sign, and the bits above
    full = (1 << (bits.stream - bits.used + 1)) - 1
    is_plain = not (above >> 1).any()
    return bits.used if is_plain or bool(np.isin(above, (0, full)).all()) else bits.stream
