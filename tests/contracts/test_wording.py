from contracts.wording import capped, cut, listing, named, quoted, shortened


def test_what_is_cut_says_so():
    assert cut("x" * 80, 80) == "x" * 80
    assert cut("x" * 81, 80) == "x" * 79 + "…"


def test_text_is_quoted_escaped_and_cut():
    assert quoted("a\n'b") == repr("a\n'b")
    assert quoted("x" * 81) == "'" + "x" * 79 + "…'"


def test_of_many_columns_twenty_are_named():
    names = [*"abcdefghijklmnopqrstuv"]
    assert named(names[:1]) == "column 'a'"
    assert named(names[:2]) == "columns 'a', 'b'"
    assert named(names[:20]).endswith("'s', 't'")
    assert named(names).endswith("'s', 't' and 2 more")
    assert listing(names[:2]) == "'a', 'b'"


def test_an_endless_message_keeps_what_is_wrong_and_what_to_do():
    assert shortened("It is bad. Mend it.") == "It is bad. Mend it."
    message = shortened(f"It is bad: {'x' * 10**6}. Mend it.")
    assert message.startswith("It is bad: xxx")
    assert message.endswith("xxx. Mend it.")
    assert len(message) == 2000


def test_twenty_warnings_are_told_and_how_many_more_there_are():
    warnings = [str(i) for i in range(1025)]
    assert capped(warnings[:20]) == tuple(warnings[:20])
    assert capped(warnings) == (*warnings[:19], "And 1,006 more warnings.")
