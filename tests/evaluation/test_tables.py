"""Cells that know their column."""

from jet.evaluation.tables import label_cells

TABLE = (
    '<table class="x"><thead><tr><th>Name</th><th class="n">Right &amp; <b>proper</b></th><th></th></tr>'
    "</thead>"
    '<tbody><tr><th>a</th><td class="n">1</td><td>2</td></tr>'
    '<tr><td colspan="2">b</td><td>3</td></tr></tbody></table>'
)


def test_each_cell_has_the_head_of_its_column():
    html = label_cells(f"<td>0</td>{TABLE}<table><tr><td>4</td></tr></table>")
    assert '<th data-label="Name">a</th><td class="n" data-label="Right &amp; proper">1</td><td>2</td>' in html
    assert '<tr><td colspan="2">b</td><td>3</td></tr>' in html
    assert html.startswith("<td>0</td>")
    assert "<table><tr><td>4</td></tr></table>" in html


def test_a_head_is_not_labelled_by_itself():
    assert label_cells(TABLE).count("data-label") == 2
