"""The attack lab: what is exported, that the scripts compute what lib computes, and that readers can use the page."""

import json
import re

import nbformat
import numpy as np
import pytest
import torch
from browser import browser, watched  # noqa: F401
from common import initialized, solution
from torch import nn

from lib import attacks, data, models
from lib.attack_lab import breaking, exercises, figures
from lib.attack_lab.export import BUDGET, ExportError, dequantized, encode_all, quantize, text_of
from lib.attack_lab.page import HERE, SCRIPTS, AttackLab, first_of_each_class, from_table_06
from lib.attack_lab.parameters import Lab
from lib.book import ROOT
from lib.evaluate import Evaluation, evaluate, frozen
from lib.exercises import RIGHT
from lib.fuse import fuse
from lib.models import NORMS
from lib.parameters import ParameterError, validate

PAPER = (392, 196)
NOTEBOOK = ROOT / "book" / "attack-lab.ipynb"


def mlp(hidden=(12, 6), norm=None, seed=0):
    network = initialized(models.mlp(784, hidden, norm=norm), seed)
    for module in network:
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_(generator=torch.Generator().manual_seed(1))
            module.running_var.uniform_(0.5, 2, generator=torch.Generator().manual_seed(2))
    return network.eval()


@pytest.fixture(scope="module")
def lab() -> AttackLab:
    """With the networks of the quick scale, trained."""
    return from_table_06("quick", device="cpu")


# --- What is exported --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
def test_a_weight_is_off_by_half_a_level_at_most(norm):
    network = mlp(norm=norm)
    layers = quantize(network)
    exact = [layer for layer in fuse(network) if isinstance(layer, nn.Linear)]
    found = [layer for layer in dequantized(layers) if isinstance(layer, nn.Linear)]
    for layer, before, after in zip(layers, exact, found, strict=True):
        assert ((after.weight - before.weight).abs() <= 0.5001 * layer.scales[:, None]).all()
        assert layer.codes.abs().amax(1).eq(127).all() and torch.equal(after.bias, before.bias)


def test_what_was_quantized_stays_as_it_is():
    once = dequantized(quantize(mlp()))
    twice = dequantized(quantize(once))
    for before, after in zip(once.parameters(), twice.parameters(), strict=True):
        torch.testing.assert_close(after, before, rtol=1e-6, atol=0)


def test_a_row_of_zeros_stays_one():
    network = mlp()
    nn.init.zeros_(network[1].weight[3])
    assert dequantized(quantize(network))[1].weight[3].eq(0).all()


def test_what_cannot_be_exported():
    diverged = mlp()
    nn.init.constant_(diverged[3].bias, torch.nan)
    with pytest.raises(ExportError, match="diverged"):
        quantize(diverged)
    with pytest.raises(ExportError, match="only MLPs"):
        quantize(models.vgg(8, width=1 / 16))


def test_the_paper_s_networks_fit_into_the_page_and_wider_ones_are_refused():
    def pair(hidden):
        return {"none": quantize(mlp(hidden)), "batch": quantize(mlp(hidden, "batch"))}

    encoded = encode_all(pair(PAPER))
    assert sum(len(json.dumps(network["data"])) for network in encoded.values()) <= BUDGET == 1_000_000
    with pytest.raises(ExportError, match=r"[\d,]+ bytes in the page, more than 1,000,000; choose narrower"):
        encode_all(pair((400, 200)))


def test_text_has_nothing_that_html_or_json_would_take_for_something_else():
    text = text_of(np.random.default_rng(0).bytes(100_000))
    assert not set('<"\\\n\r') & set(text) and json.dumps(text) == f'"{text}"'


def test_digits_of_each_class(lab):
    assert lab.digits.labels.tolist() == [c for c in range(10) for _ in range(5)]
    two = first_of_each_class(lab.test, 2)
    first, second = (lab.test.labels == 7).nonzero()[:2, 0]
    assert torch.equal(two.images[14], lab.test.images[first]) and torch.equal(two.images[15], lab.test.images[second])


def test_accuracies_of_the_page_are_those_as_trained_but_for_rounding(lab):
    table = lab.accuracies(
        "tab-x", "Caption.", {"clean digits": Evaluation(), "FGSM": Evaluation("fgsm", epsilon=0.1)}, first=500
    )
    assert "500 test digits. Ours – quick: mnist-5k, MLP 784-98-49-10, seed 0, 4 epochs" in table.caption
    assert "run table-06 --scale quick --seeds 0" in table.origin()
    assert table.rows["network"].tolist() == ["no batch norm"] * 2 + ["batch norm"] * 2
    for column in ("clean digits", "FGSM"):
        trained, page = table.rows[column].astype(float).values.reshape(2, 2).T
        assert (trained > 50).all() and np.abs(trained - page).max() <= 1


# --- When a network breaks ---------------------------------------------------------------------------------------------


def test_a_linear_network_breaks_at_its_distance():
    network = initialized(models.linear(784, 2))
    x = torch.randn(50, 784, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(50) % 2
    logits = network(x).detach()
    difference = (network[1].weight[1] - network[1].weight[0]).detach()
    margin = (logits[:, 0] - logits[:, 1]).double() * torch.where(labels == 0, 1, -1)
    with frozen(network):
        for norm, dual in (("linf", difference.abs().sum()), ("l2", difference.norm())):
            for steps in (1, 3):
                found = breaking.breaking_epsilons(network, x, labels, norm=norm, steps=steps)
                grid = np.array([0, *breaking.grid(norm)])
                exact = np.array([next((e for e in grid if e * dual > m), np.inf) for m in margin])
                assert np.mean(found == exact) > 0.95  # at the boundary itself rounding decides
                assert 0 in found and breaking.grid(norm)[1] < np.median(found[found > 0]) < np.inf


def test_one_that_never_breaks():
    sure = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).requires_grad_(False)
    nn.init.zeros_(sure[1].weight)
    sure[1].bias[:] = torch.tensor([1.0, 0.0])
    found = breaking.breaking_epsilons(sure, torch.zeros(2, 4), torch.tensor([0, 1]), norm="linf", steps=2)
    assert found.tolist() == [np.inf, 0.0]


# --- The scripts compute what lib computes -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def url(lab, tmp_path_factory):
    path = tmp_path_factory.mktemp("lab") / "lab.html"
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Lab</title>'
    path.write_text(f'<!doctype html><html lang="en" data-theme="light"><head>{head}</head><body>{lab.html()}</body></html>')
    return path.as_uri()


@pytest.fixture(scope="module")
def scripts(browser, url):
    """A page of the lab with its networks in `window.networks`."""
    with watched(browser) as page:
        page.goto(url)
        page.evaluate("""() => {
            const data = JSON.parse(document.querySelector('.attack-lab script[type="application/json"]').textContent);
            window.networks = Object.fromEntries(
                Object.entries(data.networks).map(([name, encoded]) => [name, attackLab.network(encoded)]));
        }""")
        yield page


def normalized(dataset, places=slice(None)):
    return data.normalize(dataset.images[places], dataset)


def in_page(scripts, function, name, x, *more):
    """The list of function(network, x, i, ...more) for the i-th of the inputs x."""
    run = f"""(given) => {{
        const [name, inputs, more] = JSON.parse(given);
        return JSON.stringify(inputs.map((x, i) => {{
            const result = ({function})(networks[name], Float32Array.from(x), i, ...more);
            return result?.buffer ? Array.from(result) : result;
        }}));
    }}"""
    return json.loads(scripts.evaluate(run, json.dumps([name, x.flatten(1).tolist(), more])))  # playwright's own way is slow


@pytest.mark.parametrize("name", ["none", "batch"])
def test_logits_on_stored_inputs(scripts, lab, name):
    x = normalized(lab.digits, slice(0, 40, 2))
    assert len(x) == 20
    found = in_page(scripts, "(network, x) => attackLab.logits(network, x)", name, x)
    torch.testing.assert_close(torch.tensor(found), lab.networks[name](x), rtol=0, atol=1e-3)


def test_probabilities_and_the_answer(scripts, lab):
    x = normalized(lab.digits)
    logits = lab.networks["none"](x)
    found = in_page(scripts, "(n, x) => attackLab.probabilities(attackLab.logits(n, x))", "none", x)
    torch.testing.assert_close(torch.tensor(found), logits.softmax(1), rtol=1e-3, atol=1e-6)
    found = in_page(scripts, "(n, x) => attackLab.prediction(attackLab.logits(n, x))", "none", x)
    assert found == logits.argmax(1).tolist()


GRADIENT = """(network, x, i, labels, factor) => {
    const last = network[network.length - 1];
    const sharper = {...last, weights: last.weights.map((w) => w * factor), biases: last.biases.map((b) => b * factor)};
    return attackLab.inputGradient([...network.slice(0, -1), sharper], x, labels[i]);
}"""


@pytest.mark.parametrize("name", ["none", "batch"])
@pytest.mark.parametrize("factor", [1.0, 8.0])  # with 8 the networks are so sure that p - 1 is zero in float32
def test_input_gradients(scripts, lab, name, factor):
    x, labels = normalized(lab.digits, slice(0, 50, 3)), lab.digits.labels[::3]
    network = nn.Sequential(*lab.networks[name][:-1], nn.Linear(49, 10)).requires_grad_(False)
    network[-1].weight[:] = factor * lab.networks[name][-1].weight
    network[-1].bias[:] = factor * lab.networks[name][-1].bias
    expected = attacks.input_gradient(network, x, labels).flatten(1)
    found = torch.tensor(in_page(scripts, GRADIENT, name, x, labels.tolist(), factor))
    assert ((found - expected).norm(dim=1) <= 1e-3 * expected.norm(dim=1)).all() and (found != 0).any(1).all()


ATTACK = """(network, x, i, labels, settings) => {
    const path = attackLab.iterates(network, x, labels[i], settings);
    return path[settings.steps];
}"""


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize(("steps", "stride"), [(0, 0.1), (1, 1.0), (4, 0.25), (5, 0.5)])  # the last leaves the ball
def test_attacked_digits(scripts, lab, norm, steps, stride):
    x, labels = normalized(lab.digits, slice(0, 50, 4)), lab.digits.labels[::4]
    epsilon = {"linf": 0.1, "l2": 2.0}[norm]
    expected = attacks.bim(
        lab.networks["batch"], x, labels, norm=norm, epsilon=epsilon, steps=steps, step_size=epsilon * stride
    ).flatten(1)
    settings = {"norm": norm, "epsilon": epsilon, "steps": steps, "stepSize": epsilon * stride}
    found = torch.tensor(in_page(scripts, ATTACK, "batch", x, labels.tolist(), settings))
    # The sign of a gradient near zero may differ, and with it all that pixel's later steps.
    assert ((found - expected).abs() > 1e-4).float().mean() < 0.005
    moved = found - x.flatten(1)
    length = moved.abs().amax(1) if norm == "linf" else moved.norm(dim=1)
    assert (length <= epsilon * 1.0001).all() and (length > 0.9 * epsilon * (steps > 0)).all() == (steps > 0)


def test_a_gradient_of_zeros_moves_nothing(scripts):
    zeros = "({rows: 2, columns: 3, weights: new Float32Array(6), biases: new Float32Array(2)})"
    for norm in ("linf", "l2"):
        settings = json.dumps({"norm": norm, "epsilon": 1, "steps": 3})
        found = scripts.evaluate(f"Array.from(attackLab.bim([{zeros}], Float32Array.of(1, 2, 3), 0, {settings})[3])")
        assert found == [1, 2, 3]


SUCCESS = """(network, x, i, labels, settings) => {
    const path = attackLab.bim(network, x, labels[i], settings);
    return attackLab.prediction(attackLab.logits(network, path[settings.steps])) === labels[i];
}"""


@pytest.mark.parametrize("name", ["none", "batch"])
@pytest.mark.parametrize(
    ("norm", "epsilon", "steps"), [("linf", 0.1, 1), ("linf", 0.2, 1), ("linf", 0.1, 5), ("l2", 2.0, 1), ("l2", 2.0, 5)]
)
def test_attacks_succeed_as_often_as_those_of_lib(scripts, lab, name, norm, epsilon, steps):
    digits = first_of_each_class(lab.test, 20)
    evaluation = Evaluation("bim", norm=norm, epsilon=epsilon, steps=steps, step_size=epsilon / steps)
    expected = evaluate(lab.networks[name], digits, [evaluation], seed=0, image_size=28)[evaluation.label]["accuracy"]
    settings = {"norm": norm, "epsilon": epsilon, "steps": steps}
    found = in_page(scripts, SUCCESS, name, normalized(digits), digits.labels.tolist(), settings)
    assert len(found) == 200 and 10 < expected < 90
    assert 100 * np.mean(found) == pytest.approx(expected, abs=1)


def test_fgsm_of_lib_is_one_step():
    network, x, labels = mlp().requires_grad_(False), torch.randn(8, 784), torch.arange(8)
    one = attacks.bim(network, x, labels, norm="linf", epsilon=0.1, steps=1, step_size=0.1)
    assert torch.equal(attacks.fgsm(network, x, labels, epsilon=0.1), one)


SCAN = """(network, x, i, labels, settings) => {
    for (const at of attackLab.scan(network, x, labels[i], settings)) if (at.wrong) return at.epsilon;
    return null;
}"""


@pytest.mark.parametrize(("norm", "steps"), [("linf", 1), ("l2", 3)])
def test_networks_break_where_lib_says(scripts, lab, norm, steps):
    x, labels = normalized(lab.digits, slice(0, 50, 3)), lab.digits.labels[::3]
    expected = breaking.breaking_epsilons(lab.networks["batch"], x, labels, norm=norm, steps=steps)
    settings = {"norm": norm, "steps": steps, "epsilons": [0, *breaking.grid(norm)]}
    found = in_page(scripts, SCAN, "batch", x, labels.tolist(), settings)
    apart = np.abs(np.array(found, dtype=float) - expected) / breaking.grid(norm)[0]
    assert (apart < 0.5).mean() > 0.9 and apart.max() < 1.5  # at the boundary itself rounding decides


# --- Drawings ----------------------------------------------------------------------------------------------------------

CENTRED = """(given) => {
    const [ink, side] = JSON.parse(given);
    const image = attackLab.centred(Uint8Array.from(ink), side);
    return image && Array.from(image);
}"""


def centred(scripts, ink):
    found = scripts.evaluate(CENTRED, json.dumps([ink.flatten().tolist(), len(ink)]))
    return found and np.array(found).reshape(28, 28)


def test_a_digit_of_mnist_enlarged_and_moved_comes_back_as_it_was(scripts, lab):
    for digit in lab.digits.images[::9, 0].numpy():
        digit = np.where(digit > 50, digit, 0)
        enlarged = np.zeros((400, 400), np.uint8)
        enlarged[30:310, 90:370] = digit.repeat(10, 0).repeat(10, 1)
        found = centred(scripts, enlarged)
        rows, columns = np.nonzero(found > 20)
        assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 22
        assert np.corrcoef(found.ravel(), digit.ravel())[0, 1] > 0.9


def test_drawings_are_centred_whatever_their_place_and_size(scripts):
    shapes = np.zeros((2, 280, 280), np.uint8)
    shapes[0, 20:220, 30:60] = 255
    shapes[1, 150:250, 240:255] = 255
    found = [centred(scripts, ink) for ink in shapes]
    np.testing.assert_allclose(*found, atol=30)
    for image in found:
        place = np.arange(28) + 0.5
        assert (image.sum(1) @ place / image.sum(), image.sum(0) @ place / image.sum()) == pytest.approx((14.5, 14.5), abs=0.3)
        assert image.max() > 250
    assert centred(scripts, np.zeros((280, 280), np.uint8)) is None


# --- Readers -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(browser, url):
    with watched(browser) as page:
        page.goto(url)
        yield page


def ready(page):
    """Waits until the lab shows what is chosen, and returns what it says of both networks."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.wait_for_selector(".attack-lab-results[aria-busy=false]")
    return {name: section.inner_text() for name, section in zip(("none", "batch"), panels(page), strict=True)}


def panels(page):
    return page.locator(".attack-lab-results > section").all()


def status(page):
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.locator(".attack-lab-status").inner_text()


def slider(page, name, value):
    page.get_by_label(f"{name}, slider").fill(str(value))


def field(page, name):
    return page.get_by_label(name, exact=True)


@pytest.mark.parametrize(
    ("method", "norm", "epsilon", "steps"),
    [("FGSM", "l-inf", 0.3, 1), ("BIM", "l-inf", 0.25, 7), ("BIM", "l2", 3.0, 4), ("FGSM", "l2", 5.0, 1)],
)
def test_what_the_reader_chooses_is_what_the_page_attacks(page, lab, method, norm, epsilon, steps):
    page.get_by_label("digit", exact=True).select_option("4")
    page.get_by_role("button", name="Next").click()
    page.get_by_label(method).check()
    page.get_by_label(f"{norm}:").check()
    slider(page, "epsilon", epsilon)
    if method == "BIM":
        slider(page, "steps", steps)
    said = ready(page)
    x, label = normalized(lab.digits, slice(21, 22)), 4
    norm = norm.replace("-", "")
    for name, network in lab.networks.items():
        settings = {"norm": norm, "epsilon": epsilon, "steps": steps, "step_size": epsilon / steps}
        path = list(attacks.iterates(network, x, torch.tensor([label]), **settings))
        answers = [network(at)[0] for at in path]
        shown = [float(cell) for cell in re.findall(r"^\d(?: \*)?\s+[\d.]+\s+([\d.]+)$", said[name], re.MULTILINE)]
        assert shown == pytest.approx((100 * answers[-1].softmax(0)).tolist(), abs=0.5)
        answer = int(answers[-1].argmax())
        assert (f"Holds: still {label}" if answer == label else f"Broken: {label} became {answer}") in said[name]
        first = next((step for step, at in enumerate(answers) if at.argmax() != label), None)
        if steps > 1 and first:
            assert f"first changes at step {first} of {steps}, at epsilon {epsilon * first / steps:.3g}" in said[name]
        (smallest,) = breaking.breaking_epsilons(network, x, torch.tensor([label]), norm=norm, steps=steps)
        assert f"Smallest epsilon that breaks it: {smallest:.3g}" in said[name]
        assert f"length {(path[-1] - x).norm():.3g}"[:10] in said[name]


def test_the_reader_steps_through_the_digits(page):
    which = page.locator("[data-part=which]")
    page.get_by_role("button", name="Previous").click()
    assert page.get_by_label("digit", exact=True).input_value() == "9" and which.inner_text() == "5 of 5"
    page.get_by_role("button", name="Next").click()
    assert page.get_by_label("digit", exact=True).input_value() == "0" and which.inner_text() == "1 of 5"


def test_pictures_show_digit_and_sign_of_the_perturbation(page, lab):
    ready(page)
    read = """(canvas) => Array.from(canvas.getContext("2d").getImageData(0, 0, 28, 28).data)"""
    clean, attacked, signs = (
        np.array(page.locator(f"[data-part={part}]").first.evaluate(read)).reshape(784, 4)
        for part in ("clean", "attacked", "perturbation")
    )
    pixels = lab.digits.images[0].flatten().numpy().astype(int)
    assert np.abs(clean[:, 0] - pixels).max() <= 1
    x, labels = normalized(lab.digits, slice(0, 1)), lab.digits.labels[:1]
    added = (attacks.fgsm(lab.networks["none"], x, labels, epsilon=0.1) - x).flatten().numpy()
    assert np.abs(attacked[:, 0] - np.clip(pixels + 255 * added * lab.digits.std[0], 0, 255)).max() <= 1
    lightness = signs[:, :3] @ (0.2, 0.7, 0.1)
    assert lightness[added > 0].min() > 200 and lightness[added < 0].max() < 60  # told apart without colour


TYPED = [
    ("epsilon", "a lot", "“a lot” is not a number: epsilon is a number between 0 and 0.5 in the l-inf norm"),
    ("epsilon", "", "“” is not a number"),
    ("epsilon", "3", "epsilon cannot be 3: it is a number between 0 and 0.5"),
    ("epsilon", "-0.1", "epsilon cannot be -0.1"),
    ("epsilon", "Infinity", "epsilon cannot be Infinity"),
    ("steps", "2.5", "steps cannot be 2.5: it is a whole number between 1 and 50"),
    ("steps", "0", "steps cannot be 0"),
    ("steps", "many", "“many” is not a number: steps is a whole number between 1 and 50"),
]


def test_what_cannot_be_used_is_explained(page):
    page.get_by_label("BIM").check()
    slider(page, "steps", 2)
    before = ready(page)
    for name, typed, message in TYPED:
        field(page, name).fill(typed)
        assert ready(page) == before
        assert message in status(page) and "Below is" in status(page)
        assert field(page, name).get_attribute("aria-invalid") == "true"
        field(page, name).fill("0.1" if name == "epsilon" else "2")
        assert "cannot" not in status(page) and field(page, name).get_attribute("aria-invalid") is None


def test_what_is_wrong_in_one_box_stays_said_when_the_other_moves(page):
    page.get_by_label("BIM").check()
    field(page, "epsilon").fill("a lot")
    slider(page, "steps", 3)
    ready(page)
    assert "“a lot” is not a number" in status(page)
    assert field(page, "epsilon").get_attribute("aria-invalid") == "true"
    assert field(page, "steps").get_attribute("aria-invalid") is None


def test_a_comma_is_as_good_as_a_point(page):
    field(page, "epsilon").fill("0,25")
    assert "Largest change 0.25" in ready(page)["none"]
    assert page.get_by_label("epsilon, slider").input_value() == "0.25"


def test_each_norm_keeps_its_own_epsilon_and_fgsm_has_one_step(page):
    field(page, "epsilon").fill("0.3")
    assert field(page, "steps").is_disabled()
    page.get_by_label("l2:").check()
    assert field(page, "epsilon").input_value() == "2"
    page.get_by_label("l-inf:").check()
    assert field(page, "epsilon").input_value() == "0.3"
    page.get_by_label("BIM").check()
    assert field(page, "steps").is_enabled()


def test_everything_by_keyboard(page):
    """The order of Tab, and what the keys do."""
    visited = []
    for _ in range(9):
        page.keyboard.press("Tab")
        visited.append(page.evaluate("document.activeElement.name || document.activeElement.getAttribute('aria-label')"))
    expected = ["source", "class", "previous", "next", "method", "norm", "epsilon, slider"]
    assert visited[:7] == expected
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    for name in ("Next", "Previous"):
        page.get_by_role("button", name=name).focus()
    page.keyboard.press("Tab")
    assert page.evaluate(outline) == "solid"
    page.keyboard.press("Enter")
    assert page.locator("[data-part=which]").inner_text() == "2 of 5"
    page.get_by_label("FGSM").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_label("BIM").is_checked() and page.evaluate(outline) != "none"
    page.get_by_label("epsilon, slider").focus()
    page.keyboard.press("ArrowRight")
    assert field(page, "epsilon").input_value() == "0.105"
    page.keyboard.press("End")
    assert "Largest change 0.5" in ready(page)["none"]


def draw_one(page):
    """A vertical stroke, with the mouse."""
    box = page.locator("[data-part=paper]").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 0.15 * box["height"])
    page.mouse.down()
    for y in np.linspace(0.2, 0.85, 8):
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + y * box["height"])
    page.mouse.up()


def test_a_digit_drawn_with_the_mouse(page):
    page.get_by_label("drawn by you").check()
    assert "Nothing is drawn yet" in status(page) and not page.locator(".attack-lab-results").is_visible()
    draw_one(page)
    assert "Say which digit it is meant to be" in status(page)
    page.get_by_label("it is meant to be").select_option("1")
    slider(page, "epsilon", 0)
    said = ready(page)
    assert "still 1" in said["none"] and "still 1" in said["batch"]
    page.get_by_role("button", name="Clear").click()
    assert "Nothing is drawn yet" in status(page)
    page.get_by_label("from the test set").check()
    assert "still 0" in ready(page)["none"]


def test_a_digit_drawn_with_keys(page):
    page.get_by_label("drawn by you").check()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.part") == "paper"
    for _ in range(13):
        page.keyboard.press("ArrowUp")
    assert "Nothing is drawn yet" in status(page)
    page.keyboard.press("Space")
    assert page.locator("[data-part=brush]").inner_text().startswith("The brush is down")
    for _ in range(26):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert page.locator("[data-part=brush]").inner_text().startswith("The brush is up")
    page.get_by_label("it is meant to be").select_option("1")
    slider(page, "epsilon", 0)
    assert "still 1" in ready(page)["none"]
    page.locator("[data-part=paper]").focus()
    page.keyboard.press("Delete")
    assert "Nothing is drawn yet" in status(page)


def test_a_digit_drawn_with_a_finger_on_a_phone(browser, url):
    with watched(browser, viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True) as page:
        page.goto(url)
        page.get_by_label("drawn by you").tap()
        paper = page.locator("[data-part=paper]")
        paper.scroll_into_view_if_needed()
        box, scrolled = paper.bounding_box(), page.evaluate("scrollY")
        touch = page.context.new_cdp_session(page)
        points = [{"x": box["x"] + box["width"] / 2, "y": box["y"] + y * box["height"]} for y in np.linspace(0.15, 0.85, 8)]
        for kind, now in (("touchStart", points[:1]), *(("touchMove", [point]) for point in points[1:]), ("touchEnd", [])):
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": now})
        assert page.evaluate("scrollY") == scrolled
        page.get_by_label("it is meant to be").select_option("1")
        slider(page, "epsilon", 0)
        assert "still 1" in ready(page)["none"]


def test_no_sideways_scrolling_on_a_phone(browser, url):
    with watched(browser, viewport={"width": 360, "height": 640}) as page:
        page.goto(url)
        for choice in ("BIM", "l2:", "drawn by you"):
            page.get_by_label(choice).check()
            status(page)
            assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.get_by_label("from the test set").check()
        ready(page)
        left, right = (section.bounding_box() for section in panels(page))
        assert left["y"] == right["y"] and left["x"] + left["width"] <= right["x"]  # side by side
        assert page.evaluate("document.documentElement.scrollWidth") == 360


CONTRASTS = """() => {
    const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const luminance = (colour) => {
        const [r, g, b] = parts(colour).map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        const style = getComputedStyle(element);
        const [, , , opacity = 1] = parts(style.backgroundColor);
        const bar = style.backgroundImage.match(/rgb[^)]*\\)/);
        return bar ? bar[0] : opacity > 0 ? style.backgroundColor : behind(element.parentElement);
    };
    const found = {};
    for (const element of document.querySelectorAll(".attack-lab *")) {
        const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!text || !element.checkVisibility() || element.closest("svg")) continue;
        const [a, b] = [luminance(getComputedStyle(element).color), luminance(behind(element))];
        found[element.textContent.trim()] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }
    return found;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_in_both_themes(page, theme):
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
    slider(page, "epsilon", 0.4)
    assert "Broken" in ready(page)["batch"]
    found = page.evaluate(CONTRASTS)
    assert len(found) > 30 and any(text.startswith("Broken") for text in found)
    assert {text: ratio for text, ratio in found.items() if ratio < 4.5} == {}
    background = page.locator(".attack-lab").evaluate("(lab) => getComputedStyle(lab).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (theme == "light")


UNNAMED = """() => [...document.querySelectorAll(".attack-lab :is(input, select, button, canvas, svg)")]
    .filter((e) => !(e.labels?.length || e.getAttribute("aria-label") || e.textContent.trim())).map((e) => e.outerHTML)"""


def test_every_control_and_picture_has_a_name(page):
    ready(page)
    assert page.evaluate(UNNAMED) == []
    assert re.search(r"epsilon\. Without batch norm: .* With batch norm: ", page.locator("svg").get_attribute("aria-label"))
    assert (
        page.locator("[data-part=attacked]").first.get_attribute("aria-label").startswith("The digit after the attack. Holds")
    )


def test_without_javascript_it_says_so(browser, url):
    with watched(browser, java_script_enabled=False) as page:
        page.goto(url)
        assert "The lab needs JavaScript" in page.locator("body").inner_text()
        assert page.get_by_role("button").count() == 0 and not page.locator("fieldset").first.is_visible()


def test_the_page_around_is_left_alone(page, lab):
    outside = page.evaluate("""() => {
        const frame = document.body.appendChild(document.createElement("iframe"));
        const own = new Set(Object.getOwnPropertyNames(frame.contentWindow));
        return Object.getOwnPropertyNames(window).filter((name) => !own.has(name) && isNaN(name));
    }""")
    assert outside == ["attackLab"]
    style = re.sub(r"/\*.*?\*/", "", (HERE / "lab.css").read_text(), flags=re.DOTALL)
    selectors = [selector for group in re.findall(r"([^{}]+)\{", style) for selector in re.split(r",(?![^(]*\))", group)]
    assert len(selectors) > 30 and all(".attack-lab" in selector for selector in selectors)
    assert not re.search("transition|animation|scroll-behavior|!important", style)
    assert all(name.startswith("attack-lab") for name in re.findall(r' id="([^"]*)"', lab.html()))


def test_scripts_need_no_server():
    for name in SCRIPTS:
        assert not re.search(r"\bfetch\(|\bimport\b|Worker|WebAssembly|XMLHttpRequest", (HERE / name).read_text()), name


# --- The chapter -------------------------------------------------------------------------------------------------------


def test_the_committed_page_works(browser, tmp_path):
    """Of the notebook as it is committed: what it holds may be older than the scripts, but must run."""
    outputs = (o for cell in nbformat.read(NOTEBOOK, 4).cells for o in cell.get("outputs", []))
    (html,) = (o.data["text/html"] for o in outputs if "attackLab" in o.get("data", {}).get("text/html", ""))
    (tmp_path / "page.html").write_text(f'<!doctype html><meta charset="utf-8"><body>{html}')
    with watched(browser) as page:
        page.goto((tmp_path / "page.html").as_uri())
        assert "still 0" in ready(page)["none"]
    for name in SCRIPTS:
        assert (HERE / name).read_text() in html, "execute the notebook again: its output has other scripts"


def test_the_network_that_breaks_first_is_counted(lab):
    table = lab.first_to_break("tab-x", "Caption.", per_class=3).rows
    counts = table[["batch norm breaks first", "at the same epsilon", "last"]]
    assert (counts.sum(axis=1) == table["digits"]).all() and (table["digits"] <= 30).all()
    digits = first_of_each_class(lab.test, 3)
    x = normalized(digits)
    right = sum(network(x).argmax(1) == digits.labels for network in lab.networks.values()) == 2
    assert (table["digits"] == int(right.sum())).all()
    none, batch = (
        breaking.breaking_epsilons(lab.networks[name], x[right], digits.labels[right], norm="linf", steps=1)
        for name in ("none", "batch")
    )
    assert counts.iloc[0].tolist() == [(batch < none).sum(), (batch == none).sum(), (batch > none).sum()]


def test_the_still_picture_shows_both_networks_and_their_answers(lab):
    figure = figures.still(lab, 22, norm="linf", epsilon=0.3, steps=3)
    pictures = [axis for axis in figure.axes if axis.images]
    assert len(pictures) == 6
    x, labels = normalized(lab.digits, slice(22, 23)), lab.digits.labels[22:23]
    for row, name in enumerate(("none", "batch")):
        attacked = attacks.bim(lab.networks[name], x, labels, norm="linf", epsilon=0.3, steps=3, step_size=0.1)
        np.testing.assert_allclose(pictures[3 * row + 1].images[0].get_array(), attacked[0, 0], rtol=1e-5)
        before, after = (int(lab.networks[name](images).argmax()) for images in (x, attacked))
        assert f"says {before}, then {after}" in [axis.get_title() for axis in figure.axes]


def test_parameters_are_scale_and_place_alone():
    assert validate(Lab, {"scale": "quick", "device": "cpu", "data_root": None}).scale == "quick"
    with pytest.raises(ParameterError, match="(?s)device = 'tpu': allowed.*seeds: there is no such parameter"):
        validate(Lab, {"In": ["# Parameters\nseeds = 3"], "device": "tpu", "seeds": 3})


def test_solution_of_the_same_effect():
    namespace = {}
    exec(solution("attack-lab", "ex-lab-same-effect"), namespace)
    assert exercises.check_same_effect(namespace["l2_epsilon"]) == RIGHT


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        lambda e, w: None,
        lambda e, w: 1 / 0,
        lambda e, w: e,
        lambda e, w: e * len(w) ** 0.5,  # the ball that holds the l-inf ball
        lambda e, w: e * w.count_nonzero() ** 0.5,
        lambda e, w: e * w.abs().sum(),
        lambda e, w: e * w.norm(),
        lambda e, w: -e * w.abs().sum() / w.norm(),
        lambda e, w: float("nan"),
    ],
    ids=["unanswered", "nothing", "raises", "epsilon", "all pixels", "its pixels", "l1", "l2", "sign", "nan"],
)
def test_wrong_lengths_get_a_hint(wrong):
    assert exercises.check_same_effect(wrong).startswith("Not yet. Hint:")


def test_solution_of_the_first_order_guess(lab, capsys):
    namespace = {"lab": lab, "data": data, "breaking": breaking}
    exec(solution("attack-lab", "ex-lab-first-order"), namespace)
    assert exercises.check_predicted(namespace["predicted_epsilon"]) == RIGHT
    ratios = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines()]
    assert len(ratios) == 2 and all(0.8 < ratio < 3 for ratio in ratios)


def guess(power=1, rivals=slice(None), gradient=lambda jacobian, label, j: jacobian[label] - jacobian[j]):
    """A first-order guess with something wrong in it."""

    def predicted(network, x, label):
        logits = network(x)[0]
        jacobian = torch.autograd.functional.jacobian(lambda x: network(x)[0], x).flatten(1)
        order = [j for j in logits.argsort(descending=True).tolist() if j != label][rivals]
        return min(float((logits[label] - logits[j]) / gradient(jacobian, label, j).norm(p=power)) for j in order)

    return predicted


def test_the_made_up_guess_is_right_where_nothing_is_wrong():
    assert exercises.check_predicted(guess()) == RIGHT


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (None, "a function is asked for"),
        (lambda network, x, label: None, "return one number"),
        (lambda network, x, label: 0.1, "By how much"),
        (guess(power=2), "By how much"),
        (guess(gradient=lambda jacobian, label, j: jacobian[label]), "By how much"),
        (guess(rivals=slice(0, 1)), "Which of the nine rivals"),
        (lambda network, x, label: guess()(network[:2], x, label) if len(network) == 2 else 0.1, "gradient at x"),
    ],
    ids=["unanswered", "nothing", "one number", "l2", "one logit", "second largest", "linear alone"],
)
def test_wrong_guesses_get_a_hint(wrong, hint):
    assert re.match(f"Not yet. Hint: .*{hint}", exercises.check_predicted(wrong))
