"""Formulas as MathML, written when the book is built: pages need no script and no network to show them."""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

NORM = r'<mo stretchy="false">\1</mo>\2<mo stretchy="false">\1</mo>'

logger = logging.getLogger(__name__)


def to_mathml(node: nodes.Element, as_block: bool) -> str:
    # The converter does not know the environments that number equations: Sphinx does that.
    tex = re.sub(r"\\(begin|end)\{equation\*?\}", "", node.astext())
    tex = re.sub(r"\\(begin|end)\{align\*?\}", r"\\\1{aligned}", tex)
    try:
        if r"\operatorname*" in tex:  # the converter would print the star
            raise MathError(r"\operatorname* is not supported; write \arg\max or \operatorname")
        mathml = tex2mathml(tex.strip(), as_block)
    except MathError as error:
        logger.warning("formula %s: %s", tex, error, location=node)
        return f"<code>{tex}</code>"
    # Without \left and \right the bars of a norm keep their size, however tall the sum beside them is.
    return re.sub(r'<mo class="mathopen">(.)</mo>(.*?)<mo>\1</mo>', NORM, mathml, flags=re.DOTALL)


def visit_inline(self, node: nodes.math) -> None:
    self.body.append(to_mathml(node, as_block=False))
    raise nodes.SkipNode


def visit_display(self, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node.get("number"):
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    # The theme lets the keyboard reach what scrolls in a box of this class.
    self.body.append('<div class="pst-scrollable-table-container">')
    self.body.append(to_mathml(node, as_block=True))
    self.body.append("</div></div>")
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
