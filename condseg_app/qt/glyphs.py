"""Small pictures, drawn in the colours of the theme that is on; no icon font and no files."""

from collections.abc import Callable

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPainterPath, QPalette, QPen, QPixmap
from qtpy.QtWidgets import QApplication, QWidget

from condseg_app.data import Color

Draw = Callable[[QPainter, QRectF, QColor], None]


def text_color(widget: QWidget) -> QColor:
    """The colour that text has on a widget, style sheet included."""
    return widget.palette().color(QPalette.ColorRole.WindowText)


def icon(draw: Draw, color: QColor, size: int = 16) -> QIcon:
    """A drawing as an icon, sharp on screens of high density."""
    app = QApplication.instance()
    ratio = app.devicePixelRatio() if isinstance(app, QApplication) else 1.0
    pixmap = QPixmap(round(size * ratio), round(size * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    draw(painter, QRectF(0, 0, size, size), color)
    painter.end()
    made = QIcon(pixmap)
    made.addPixmap(pixmap, QIcon.Mode.Selected)  # or Qt would tint the icon, and a class's colour has to stay the same
    return made


def swatch(color: Color, outline: QColor, size: int = 14) -> QIcon:
    """A class's colour."""

    def draw(painter: QPainter, box: QRectF, line: QColor) -> None:
        line.setAlpha(90)
        painter.setPen(QPen(line, 1))
        painter.setBrush(QColor(*color))
        painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 3, 3)

    return icon(draw, QColor(outline), size)


def eye(painter: QPainter, box: QRectF, color: QColor) -> None:
    """Shown."""
    _lids(painter, box, color)
    painter.setBrush(color)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawEllipse(box.center(), box.width() * 0.15, box.width() * 0.15)


def closed_eye(painter: QPainter, box: QRectF, color: QColor) -> None:
    """Hidden."""
    faint = QColor(color)
    faint.setAlpha(110)
    _lids(painter, box, faint)
    painter.setPen(QPen(faint, 1.4))
    painter.drawLine(box.bottomLeft() + QPointF(3, -3), box.topRight() + QPointF(-3, 3))


def _lids(painter: QPainter, box: QRectF, color: QColor) -> None:
    left = QPointF(box.left() + 1, box.center().y())
    right = QPointF(box.right() - 1, box.center().y())
    path = QPainterPath(left)
    path.quadTo(QPointF(box.center().x(), box.top() - 1), right)
    path.quadTo(QPointF(box.center().x(), box.bottom() + 1), left)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(color, 1.4))
    painter.drawPath(path)


def not_asked(painter: QPainter, box: QRectF, color: QColor) -> None:
    """A class that was not asked for: a faint ring."""
    faint = QColor(color)
    faint.setAlpha(110)
    painter.setPen(QPen(faint, 1.4))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(_inner(box))


def filling(painter: QPainter, box: QRectF, color: QColor) -> None:
    """A class that is being filled in: a ring, half full."""
    painter.setPen(QPen(color, 1.4))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(_inner(box))
    painter.setBrush(color)
    painter.drawPie(_inner(box), 90 * 16, 180 * 16)


def complete(painter: QPainter, box: QRectF, color: QColor) -> None:
    """A class whose every voxel is computed: a full disc."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawEllipse(_inner(box).adjusted(-0.5, -0.5, 0.5, 0.5))


def pencil(painter: QPainter, box: QRectF, color: QColor) -> None:
    """A class with an annotation."""
    painter.setPen(QPen(color, 1.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    w = box.width()
    tip = QPointF(box.left() + 0.18 * w, box.bottom() - 0.18 * w)
    path = QPainterPath(tip)
    path.lineTo(tip + QPointF(0.06 * w, -0.2 * w))
    path.lineTo(box.topRight() + QPointF(-0.32 * w, 0.14 * w))
    path.lineTo(box.topRight() + QPointF(-0.14 * w, 0.32 * w))
    path.lineTo(tip + QPointF(0.2 * w, -0.06 * w))
    path.closeSubpath()
    painter.drawPath(path)


def lock(painter: QPainter, box: QRectF, color: QColor) -> None:
    """A class that is locked."""
    w = box.width()
    painter.setPen(QPen(color, 1.4))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawArc(QRectF(box.left() + 0.31 * w, box.top() + 0.12 * w, 0.38 * w, 0.6 * w), 0, 180 * 16)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawRoundedRect(QRectF(box.left() + 0.2 * w, box.top() + 0.44 * w, 0.6 * w, 0.44 * w), 1, 1)


def cross(painter: QPainter, box: QRectF, color: QColor) -> None:
    """Cancel."""
    inner = _inner(box)
    painter.setPen(QPen(color, 1.6, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawLine(inner.topLeft(), inner.bottomRight())
    painter.drawLine(inner.topRight(), inner.bottomLeft())


def info(painter: QPainter, box: QRectF, color: QColor) -> None:
    """More about this."""
    painter.setPen(QPen(color, 1.3))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(box.adjusted(1.5, 1.5, -1.5, -1.5))
    painter.setPen(QPen(color, 1.7, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawPoint(box.center() + QPointF(0, -3.2))
    painter.drawLine(box.center() + QPointF(0, -0.4), box.center() + QPointF(0, 3.4))


def warning(painter: QPainter, box: QRectF, color: QColor) -> None:
    """Something is odd."""
    amber = QColor(227, 160, 23)
    path = QPainterPath(QPointF(box.center().x(), box.top() + 2))
    path.lineTo(box.bottomRight() + QPointF(-1.5, -2.5))
    path.lineTo(box.bottomLeft() + QPointF(1.5, -2.5))
    path.closeSubpath()
    painter.setPen(QPen(amber, 1.3, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(path)
    painter.setPen(QPen(amber, 1.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawLine(box.center() + QPointF(0, -1.5), box.center() + QPointF(0, 1.8))
    painter.drawPoint(box.center() + QPointF(0, 3.8))


def _inner(box: QRectF) -> QRectF:
    margin = box.width() * 0.24
    return box.adjusted(margin, margin, -margin, -margin)
