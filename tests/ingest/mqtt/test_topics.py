"""Topics and filters: validity, matching, the subscription tree against the plain rule, retained messages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mqtt.packets import Publish
from ingest.mqtt.retained import RetainedStore
from ingest.mqtt.subscriptions import SubscriptionTree
from ingest.mqtt.topics import TopicTable, check_filter, check_topic, matches

levels = st.sampled_from(["a", "b", "", "$s", "관제"])
topics = st.lists(levels, min_size=1, max_size=4).map("/".join).filter(bool)
filters = (
    st.tuples(st.lists(st.one_of(levels, st.just("+")), max_size=4), st.sampled_from([[], ["#"]]))
    .map(lambda parts: "/".join(parts[0] + parts[1]))
    .filter(bool)
)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "selected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/", False),
        ("a/+", "a/b", True),
        ("a/+", "a/", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("+/b", "/b", True),
        ("+", "/b", False),
        ("+/+", "/b", True),
        ("/+", "/b", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/#", "ab", False),
        ("#", "a/b", True),
        ("#", "/", True),
        ("a/+/c/#", "a/b/c", True),
        ("a/+/c/#", "a/b/d", False),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("$SYS/+", "$SYS/x", True),
        ("a/#", "a/$b", True),
        ("a/+", "a/$b", True),
        ("A", "a", False),
    ],
)
def test_matching(topic_filter, topic, selected):
    assert matches(topic_filter, topic) is selected


@pytest.mark.parametrize("bad", ["", "a#", "#/a", "a/#/b", "a+", "+a/b", "a\0", "x" * 65_536, "관" * 21_846, "\ud800"])
def test_bad_filters(bad):
    with pytest.raises(ValueError):  # noqa: PT011 - the reasons differ
        check_filter(bad)


@pytest.mark.parametrize("bad", ["", "a/+", "#", "a\0", "x" * 65_536, "\ud800"])
def test_bad_topics(bad):
    with pytest.raises(ValueError):  # noqa: PT011 - the reasons differ
        check_topic(bad)


def test_the_longest_names_are_good():
    check_topic("x" * 65_535)
    check_filter("관" * 21_845)


@given(st.dictionaries(st.tuples(filters, st.integers(0, 3)), st.integers(0, 1), max_size=12), topics, st.data())
@settings(max_examples=300, deadline=None)
def test_the_tree_agrees_with_the_rule(subscriptions, topic, data):
    tree = SubscriptionTree()
    for (topic_filter, target), qos in subscriptions.items():
        tree.add(topic_filter, target, qos)
    tree.match(topic)
    if subscriptions:
        gone = data.draw(st.sampled_from(sorted(subscriptions)))
        tree.remove(*gone)
        del subscriptions[gone]
    expected = {}
    for (topic_filter, target), qos in subscriptions.items():
        if matches(topic_filter, topic):
            expected[target] = max(qos, expected.get(target, 0))
    assert dict(tree.match(topic)) == expected
    for topic_filter, target in subscriptions:
        tree.remove(topic_filter, target)
    assert not tree._root.children


@given(st.dictionaries(topics, st.binary(min_size=1, max_size=4), max_size=12), filters)
@settings(max_examples=200, deadline=None)
def test_retained_messages_are_selected_by_the_rule(kept, topic_filter):
    store = RetainedStore(100, 10_000)
    for topic, payload in kept.items():
        assert store.keep(Publish(topic, payload, retain=True))
    assert {message.topic for message in store.select(topic_filter)} == {
        topic for topic in kept if matches(topic_filter, topic)
    }


def test_the_store_of_retained_messages_is_bounded():
    store = RetainedStore(2, 100)
    assert store.keep(Publish("a", b"1"))
    assert store.keep(Publish("b", b"1"))
    assert not store.keep(Publish("c", b"1"))
    assert store.keep(Publish("a", b""))
    assert not store.keep(Publish("c", b"1" * 100))
    assert store.keep(Publish("c", b"1"))
    assert not store.keep(Publish("b", b"1" * 100))
    assert [message.topic for message in store.select("#")] == ["c"]


def test_the_table_of_topics_is_bounded():
    table = TopicTable()
    for number in range(20_000):
        assert table.learn(b"t/%d" % number) == f"t/{number}"
    assert len(table.known) <= 16_384
    table.learn(b"x" * 300)
    assert b"x" * 300 not in table.known
