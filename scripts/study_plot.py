"""The plot of scripts/study-page: two numbers of each network against each other, as an SVG that stands on its own."""
from dataclasses import dataclass
from html import escape
from math import ceil, cos, floor, log10, pi, sin

LEFT, TOP, WIDTH, HEIGHT = 74, 44, 540, 400  # of the plot's area, in pixels
RIGHT, BOTTOM = LEFT + WIDTH, TOP + HEIGHT
# The colors of Okabe and Ito, which color-blind readers can tell apart; yellow is too light for white.
BLACK, VERMILLION = "#000000", "#D55E00"
OTHERS = ["#0072B2", "#009E73", "#E69F00", "#CC79A7", "#56B4E9"]
GREY = "#6E6E6E"


def polygon(corners, turn=0.0, inner=None):
    """The corners of a regular polygon, or of a star with this inner radius; `turn` is in degrees, 0 has a corner on top."""
    radii = [1.0] * corners if inner is None else [1.0, inner] * corners
    angles = [2 * pi * index / len(radii) + turn * pi / 180 for index in range(len(radii))]
    return [(radius * sin(angle), -radius * cos(angle)) for radius, angle in zip(radii, angles)]


PLUS = [(-.33, -1), (.33, -1), (.33, -.33), (1, -.33), (1, .33), (.33, .33), (.33, 1), (-.33, 1), (-.33, .33), (-1, .33),
        (-1, -.33), (-.33, -.33)]
CROSS = [((x - y) * .74, (x + y) * .74) for x, y in PLUS]
CIRCLE, STAR = polygon(24), polygon(5, inner=.45)
SHAPES = [polygon(4, 45), polygon(3), PLUS, polygon(3, 180), polygon(4), CROSS, polygon(3, 90), polygon(4, inner=.4)]


@dataclass
class Point:
    """A network: its means over seeds, their standard deviations (0 for one seed), and whether it is the recipe as it stands."""
    x: float
    y: float
    x_error: float
    y_error: float
    weight: float | None
    is_own: bool


@dataclass
class Series:
    """A recipe's points, in order of weight."""
    name: str
    label: str
    points: list


class Axis:
    """A linear scale from pixel `start` to pixel `end`, whose ends are round numbers around all values."""

    def __init__(self, values, least, start, end):
        low, high = min(values), max(values)
        middle, span = (low + high) / 2, max(high - low, least) * 1.06
        power = 10 ** floor(log10(span / 6))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * 6 >= span * .999)
        first, last = floor((middle - span / 2) / step), ceil((middle + span / 2) / step)
        self.digits = max(0, -floor(log10(step) + 1e-9))
        self.ticks = [number * step for number in range(first, last + 1)]
        self.start, self.end = start, end

    def __call__(self, value):
        low, high = self.ticks[0], self.ticks[-1]
        return self.start + (self.end - self.start) * (value - low) / (high - low)


def styles(names):
    """A color and a shape for each recipe: black for the control, vermillion for ours, other pairs for all others."""
    result = {"control": (BLACK, CIRCLE), "ours": (VERMILLION, STAR)}
    for index, name in enumerate(name for name in names if name not in result):
        result[name] = (OTHERS[index % len(OTHERS)], SHAPES[index % len(SHAPES)])
    return result


def line(x1, y1, x2, y2, color, more=""):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" {more}/>'


def text(x, y, words, anchor="start", color="#1A1A1A", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" {more}>{escape(words)}</text>'


def marker(x, y, style, size, is_filled):
    color, shape = style
    size *= 1.4 if shape is STAR else 1
    corners = " ".join(f"{x + size * dx:.1f},{y + size * dy:.1f}" for dx, dy in shape)
    paint = f'fill="{color}" stroke="#FFF" stroke-width="1"' if is_filled else f'fill="#FFF" stroke="{color}" stroke-width="2"'
    return f'<polygon points="{corners}" {paint} stroke-linejoin="round"/>'


def front(points):
    """The points than which none is better in both directions, from left to right."""
    best = [one for one in points if not any(
        other.x >= one.x and other.y >= one.y and (other.x, other.y) != (one.x, one.y) for other in points)]
    return sorted(best, key=lambda point: point.x)


def steps(points, x, y):
    """The step line below and left of which everything is worse than a point of the front."""
    path = f"M{LEFT},{y(points[0].y):.1f}" + "".join(f"H{x(p.x):.1f}V{y(q.y):.1f}" for p, q in zip(points, points[1:]))
    return f'<path d="{path}H{x(points[-1].x):.1f}V{BOTTOM}" fill="none" stroke="{GREY}" stroke-width="1"/>'


def axes(x, y, x_title, y_title):
    parts = []
    for tick in x.ticks:
        parts.append(line(x(tick), TOP, x(tick), BOTTOM, "#E8E8E8"))
        parts.append(text(x(tick), BOTTOM + 20, f"{tick:.{x.digits}f}", "middle"))
    for tick in y.ticks:
        parts.append(line(LEFT, y(tick), RIGHT, y(tick), "#E8E8E8"))
        parts.append(text(LEFT - 8, y(tick) + 5, f"{tick:.{y.digits}f}", "end"))
    middle = TOP + HEIGHT / 2
    parts.append(f'<path d="M{LEFT},{TOP}V{BOTTOM}H{RIGHT}" fill="none" stroke="#1A1A1A"/>')
    parts.append(text(LEFT + WIDTH / 2, BOTTOM + 44, x_title, "middle"))
    parts.append(text(20, middle, y_title, "middle", more=f'transform="rotate(-90 20 {middle:.0f})"'))
    return parts


def guides(control, chance, x, y):
    """Vertical lines at the control's accuracy and a point below, a horizontal one at chance."""
    parts = [line(LEFT, y(chance), RIGHT, y(chance), GREY, 'stroke-dasharray="1 3"'),
             text(LEFT + 6, y(chance) - 5, "chance", color=GREY)]
    if control is not None:
        parts += [line(x(value), TOP, x(value), BOTTOM, GREY, 'stroke-dasharray="5 4"') for value in (control, control - 1)]
        parts.append(text(x(control) - 2, TOP - 8, "control", color=GREY))
        parts.append(text(x(control - 1) + 2, TOP - 8, "1 point less", "end", GREY))
    return parts


def curve(series, style, x, y):
    """The points of a recipe with their error bars, joined by a line; other weights are hollow and grow with the weight."""
    path = " ".join(f"{x(point.x):.1f},{y(point.y):.1f}" for point in series.points)
    parts = [f'<polyline points="{path}" fill="none" stroke="{style[0]}" stroke-width="1.5"/>']
    for point in series.points:
        bar = 'stroke-width="1.5" opacity="0.6"'
        if point.x_error:
            parts.append(line(x(point.x - point.x_error), y(point.y), x(point.x + point.x_error), y(point.y), style[0], bar))
        if point.y_error:
            parts.append(line(x(point.x), y(point.y - point.y_error), x(point.x), y(point.y + point.y_error), style[0], bar))
    for index, point in enumerate(series.points):
        weight = "" if point.weight is None else f", weight {point.weight:g}"
        size = 7 if point.is_own else 3.5 + 2.5 * index / max(1, len(series.points) - 1)
        parts.append(f"<g><title>{escape(series.label)}{weight}: {point.x:.1f}%, {point.y:.3f}</title>"
                     + marker(x(point.x), y(point.y), style, size, point.is_own) + "</g>")
    return parts


def legend(all_series, style, has_weights, has_errors):
    parts = []
    at, height = RIGHT + 34, TOP + 8
    for series in all_series:
        parts += [marker(at, height, style[series.name], 7, True), text(at + 16, height + 5, series.label)]
        height += 22
    height += 10
    parts += [line(at - 8, height, at + 8, height, GREY), text(at + 16, height + 5, "best trade-offs")]
    notes = ["filled: the recipe as it stands", "hollow: its other weights,", "a larger mark for a larger one"] * has_weights
    notes += ["bars: std over seeds"] * has_errors
    return parts + [text(at - 8, height + 30 + 18 * index, note, color=GREY) for index, note in enumerate(notes)]


def pareto(all_series, control, chance, x_title, y_title):
    """The plot as SVG. `control` is where the vertical lines stand, None for none."""
    points = [point for series in all_series for point in series.points]
    ends = lambda value, error: [value - error, value + error]
    xs = [end for point in points for end in ends(point.x, point.x_error)] + ([] if control is None else [control, control - 1])
    ys = [end for point in points for end in ends(point.y, point.y_error)] + [chance]
    x, y = Axis(xs, 1, LEFT, RIGHT), Axis(ys, .05, BOTTOM, TOP)
    style = styles([series.name for series in all_series])
    parts = axes(x, y, x_title, y_title) + guides(control, chance, x, y)
    if points:
        parts.append(steps(front(points), x, y))
    for series in sorted(all_series, key=lambda series: series.name == "ours"):  # ours last, above the others
        parts += curve(series, style[series.name], x, y)
    has_errors = any(point.x_error or point.y_error for point in points)
    parts += legend(all_series, style, not all(point.is_own for point in points), has_errors)
    width = RIGHT + 60 + max([205] + [8 * len(series.label) for series in all_series])
    height = max(BOTTOM + 60, TOP + 150 + 22 * len(all_series))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" aria-label="{escape(y_title)} against {escape(x_title)}" font-size="14" '
            'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">\n'
            f'<rect width="{width}" height="{height}" fill="#FFFFFF"/>\n' + "\n".join(parts) + "\n</svg>\n")
