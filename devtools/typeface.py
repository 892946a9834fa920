"""Make theme/static/fonts/ from the published files of Overpass, a typeface under the SIL Open Font License.

`python -m devtools.typeface FOLDER` reads the upright Latin files of @fontsource-variable/overpass, keeps the
letters and weights that the site needs, and prints how theme/site.css has to scale the fallback so that it
takes the same room.
"""

import sys
from pathlib import Path
from tempfile import TemporaryFile

from fontTools.subset import Options, Subsetter, save_font
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

FONTS = Path("theme/static/fonts")
SOURCE = "overpass-{}-wght-normal.woff2"
PUNCTUATION = {*range(0x2010, 0x2027), 0x202F, 0x2032, 0x2033, 0x20AC, 0x2122, 0x2212}
BASIC = {*range(0x20, 0x7F), *range(0xA0, 0x100)} | PUNCTUATION
EXTENDED = {
    *range(0x100, 0x180),
    *map(ord, "ḒḓḼḽṄṅṊṋṰṱ"),
}  # with these, South Africa's languages are complete
FEATURES = ["ccmp", "kern", "liga", "locl", "mark", "mkmk", "tnum"]
ASCENT, DESCENT = 0.98, 0.28  # ems; capitals then stand in the middle of their line, as in a button
ARIAL = {400: "LiberationSans-Regular.ttf", 700: "LiberationSans-Bold.ttf"}  # Debian's, of the same widths
SAMPLE = Path("content/news/why-infrastructure-matters.md")


def reduce(source: Path, characters: set[int], target: Path) -> None:
    """Write a font with these characters only, in weights from regular to bold."""
    font = instantiateVariableFont(TTFont(source), {"wght": (400, 700)})
    with TemporaryFile() as whole:  # the subsetter cannot read what the instancer leaves in memory
        font.save(whole)
        font = TTFont(whole)
        em = font["head"].unitsPerEm
        for table, above, below in (
            ("hhea", "ascent", "descent"),
            ("OS/2", "sTypoAscender", "sTypoDescender"),
        ):
            setattr(font[table], above, round(ASCENT * em))
            setattr(font[table], below, round(-DESCENT * em))
        options = Options(flavor="woff2", layout_features=FEATURES, hinting=False)
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=characters)
        subsetter.subset(font)
        save_font(font, target, options)


def width(font: TTFont, text: str) -> float:
    """Return how wide a text is, in ems."""
    names, advances, em = font.getBestCmap(), font["hmtx"].metrics, font["head"].unitsPerEm
    return float(sum(advances[names[ord(letter)]][0] for letter in text if ord(letter) in names) / em)


def main(folder: Path) -> None:
    """Write both files, and print the fallback's scale for each weight."""
    FONTS.mkdir(exist_ok=True)
    latin, more = folder / SOURCE.format("latin"), folder / SOURCE.format("latin-ext")
    reduce(latin, BASIC, FONTS / "overpass.woff2")
    reduce(more, EXTENDED, FONTS / "overpass-extended.woff2")
    text = SAMPLE.read_text("utf-8")
    for weight, name in ARIAL.items():
        arial = TTFont(Path("/usr/share/fonts/truetype/liberation", name))
        scale = width(instantiateVariableFont(TTFont(latin), {"wght": weight}), text) / width(arial, text)
        overrides = f"ascent-override: {ASCENT / scale:.1%}; descent-override: {DESCENT / scale:.1%};"
        print(f"{weight}: size-adjust: {scale:.1%}; {overrides}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
