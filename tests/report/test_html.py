import pathlib

from genojax.report import html, markup, page, plots
from tests.report import reading


def test_the_page_needs_no_network_and_allows_no_script(demo_directory):
    seen = reading.read(demo_directory)
    tags = {tag for tag, _ in seen.tags}
    assert tags.isdisjoint({'script', 'link', 'iframe', 'object', 'form', 'base'})
    assert all(link.startswith(('data:image/png;base64,', '#')) for link in seen.links)
    assert not any(key.startswith('on') or key == 'style' for _, at in seen.tags for key in at)
    (policy,) = (at['content'] for tag, at in seen.tags if 'http-equiv' in at)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert 'unsafe' not in policy and 'http' not in policy


def test_the_style_is_the_one_that_the_policy_allows():
    """The digest in the policy is of the very text between the style tags."""
    import base64
    import hashlib

    text = page.render(page.Page('Title', '', ()))
    style = text.split('<style>')[1].split('</style>')[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = (at['content'] for tag, at in reading.PageReader(text).tags if 'http-equiv' in at)
    assert f"'sha256-{digest}'" in policy


def test_numbers_that_are_not_numbers_are_shown_as_such():
    assert html.number(float('nan')) == 'nan'
    assert html.number(None) == 'not recorded'
    assert html.number(1234567) == '1,234,567'
    assert html.interval([0.5, 0.25, 0.75]) == '0.500 (0.250 to 0.750)'
    assert html.interval([-0.5, -0.75, 0.25], 2, signed=True) == '−0.50 (−0.75 to +0.25)'
    assert html.interval(0.5) == '0.500 (no interval)'
    assert html.percent('not annotated') == 'not annotated'
    assert html.percent(0.125) == '12.5 %'


def test_durations_have_the_unit_that_people_use():
    assert [html.seconds(value) for value in (12, 600, 9_000)] == ['12 s', '10.0 min', '2.5 h']


def test_every_helper_escapes_text():
    evil = '<b onclick="x">&'
    for built in (
        html.paragraph(evil),
        html.note(evil),
        html.damage(evil),
        html.subheading(evil),
        html.code(evil),
        html.command(evil),
        html.folded(evil, evil),
        html.figure(b'', evil, evil, 10),
        html.table([evil], [[evil]], [evil]),
        html.record({evil: evil, 'x': {evil: [evil]}, 'y': [{evil: evil}]}),
    ):
        assert '<b onclick' not in built and '&lt;b onclick' in built


def test_long_lists_and_tables_are_counted():
    assert 'and 976 more' in html.record({'numbers': list(range(1000))})
    assert html.record({}) == 'none' and html.text([]) == 'none' and html.text({}) == 'none'
    assert 'and 200 more rows' in html.table(['n'], ([n] for n in range(1_200)))


def test_columns_of_numbers_are_aligned_right():
    table = html.table(['name', 'n', 'mixed'], [['a', 1, 'x'], ['b', html.number(2.5), 3]])
    assert table.count('class="num"') == 3


def test_a_record_names_deeper_fields_as_configs_do():
    config = {'steps': 3, 'model': {'width': 8, 'attention': {'window': 4}}, 'tasks': {}}
    text = html.record(config, exact=True)
    assert '>attention.window<' in text and '<h4>model</h4>' in text
    assert '>attention window<' in html.record(config)


def test_anchors_are_unique_and_plain():
    sections = [page.Section(name, 'X', html.Markup('')) for name in ('a b', 'a b', '<ü>', '')]
    assert [s.anchor for s in page.unique_anchors(sections)] == [
        'a-b',
        'a-b-2',
        'section',
        'section-2',
    ]


def test_labels_are_shortened_and_safe_for_matplotlib():
    assert plots.label('_x').startswith(' ')
    assert len(plots.label('x' * 100)) == 28
    assert plots.label('\x00语') == '??'


def test_an_interval_goes_below_its_value_where_a_table_is_too_wide():
    rows = [['a', html.interval([0.953, 0.933, 0.969]), html.number(300)]]
    table = str(html.table(['model', 'AUROC', 'rows'], rows))
    assert '<td class="interval">0.953 <span>(0.933 to 0.969)</span></td>' in table
    assert '<td class="num">300</td>' in table
    style = (pathlib.Path(html.__file__).parent / 'style.css').read_text()
    assert 'td.interval span { white-space: nowrap; }' in style


def test_the_pictures_of_a_page_are_those_that_were_drawn(tmp_path):
    drawn = [
        (plots.bars, {'parameters': {'GiB': value}}, 'GiB of one device') for value in (1.0, 2.0)
    ]

    def draw(renderer):
        parts = [renderer.figure(*call, alt='<a>', caption='"b"') for call in drawn]
        return page.Page('Title', '', (page.Section('memory', 'Memory', html.join(parts)),))

    path = page.write(tmp_path / 'plan.html', draw)
    expected = [plots.Renderer(150).png(*call)[0] for call in drawn]
    assert page.pictures(path) == expected and expected[0] != expected[1]


def test_what_is_not_markup_is_escaped_once():
    evil = '<b a="1">&\'</b>'
    escaped = markup.escape(evil)
    assert escaped == '&lt;b a=&quot;1&quot;&gt;&amp;&#x27;&lt;/b&gt;'
    assert markup.escape(escaped) is escaped and markup.escape(2.5) == '2.5'
    inside = markup.element('p', evil, markup.element('i', evil), title=evil, id='')
    assert inside == f'<p title="{escaped}">{escaped}<i>{escaped}</i></p>'
    # A method of str forgets that the text is markup: it is escaped, not trusted.
    assert '&lt;p' in markup.element('div', inside + '')
    assert markup.join(['<', None, markup.Markup('<br>')], ' ') == '&lt; <br>'
