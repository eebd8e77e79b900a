"""How the bits of stored pixels make numbers, also where header and packed stream contradict each other."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.io.dicom_streams import LOSSY_JPEG, StreamClaim
from condseg_app.io.dicom_values import Oddities


@dataclass(frozen=True)
class PixelBits:
    """Which bits of a stored pixel are its number.

    Attributes:
        allocated: bits that a pixel takes.
        used: bits of its number, as the header has it.
        shift: unused bits below them.
        signed: whether numbers may be below 0.
        stream: bits as the packed stream has it, None where nothing is packed, or the packing does not say.
        stream_signed: whether the stream itself knows numbers below 0.
    """

    allocated: int
    used: int
    shift: int = 0
    signed: bool = False
    stream: int | None = None
    stream_signed: bool = False

    @property
    def most(self) -> int:
        """Bits that no number needs more of."""
        return max(self.used, self.stream or 0)


def pixel_bits(allocated: int, stored: int, high: int, signed: bool, claim: StreamClaim | None) -> PixelBits:
    """Put together what the header and a packed stream say.

    Args:
        allocated: Bits Allocated.
        stored: Bits Stored.
        high: High Bit.
        signed: whether the Pixel Representation is that of numbers below 0.
        claim: of the first frame's stream; None where nothing is packed, or the packing does not say.
    """
    used = stored if 1 <= stored <= allocated else allocated
    if claim is None:
        shift = high + 1 - used if used <= high + 1 <= allocated else 0
        return PixelBits(allocated, used, shift, signed)
    least = claim.bits if claim.syntax in LOSSY_JPEG else max(allocated, claim.bits)
    width = next((width for width in (8, 16, 32) if width >= least), allocated)
    return PixelBits(width, min(used, width), 0, signed or bool(claim.signed), claim.bits, bool(claim.signed))


def contradictions(bits: PixelBits, allocated: int, signed: bool, claim: StreamClaim | None, odd: Oddities) -> None:
    """Tell where header and stream contradict each other, and whose word is taken."""
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
    """Numbers from grey pixels as they lie in the file or come out of a decoder: unused bits off, signs on."""
    width = 8 * stored.dtype.itemsize
    stored = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if bits.stream_signed:
        return stored.view(f"i{stored.dtype.itemsize}")
    plain = stored.view(f"u{stored.dtype.itemsize}")
    used = min(width, _bits_used(plain, bits))
    if used == width and not bits.shift:
        return plain.view(f"i{plain.dtype.itemsize}") if bits.signed else plain
    below = min(bits.shift, width - used)
    raised = plain << (width - used - below)  # what stands above the number falls off
    return (raised.view(f"i{plain.dtype.itemsize}") if bits.signed else raised) >> (width - used)


def _bits_used(plain: NDArray[Any], bits: PixelBits) -> int:
    """How many bits a number has in this frame.

    A stream of more bits than are said to be used mostly has nothing in them, or the sign again; where it has, they
    are part of the numbers.
    """
    if bits.stream is None or bits.stream == bits.used:
        return bits.used
    if not bits.signed or bits.stream < bits.used:
        return bits.stream
    above = plain >> (bits.used - 1)  # the sign, and what stands above it
    full = (1 << (bits.stream - bits.used + 1)) - 1
    is_plain = not (above >> 1).any()
    return bits.used if is_plain or bool(np.isin(above, (0, full)).all()) else bits.stream
