from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smolkit.errors import DataError
from smolkit.extraction.metric import Tally, aggregate, bootstrap_f1, parse_answer, score
from smolkit.extraction.template import Template

ANN_AND_BOB = {"p": [{"n": "Ann", "r": "CEO"}, {"n": "Bob", "r": "CTO"}]}
BOB_ANNE_AND_ZED = {"p": [{"n": "Bob", "r": "CTO"}, {"n": "Anne", "r": None}, {"n": "Zed", "r": "x"}]}

# The table of the definition: ref, pred, TP, n(pred), n(ref), F1.
DEFINITION = [
    ({"a": "b", "c": "d"}, {"a": "b", "c": "e"}, 1, 2, 2, 0.5),
    ({"a": ["a", "b", "c"]}, {"a": ["b", "c"]}, 2, 2, 3, 0.8),
    ({"a": ["a", "b", "c"]}, {"a": "b"}, 0, 1, 3, 0),
    ({"a": ["x", "x"]}, {"a": ["x"]}, 1, 1, 2, 0.6667),
    ({"a": None, "b": []}, {"a": "", "b": None}, 0, 0, 0, 1),
    ({"a": None}, {"a": "x"}, 0, 1, 0, 0),
    ("hello", "hello!", 0.8333, 1, 1, 0.8333),
    ("kitten", "sitting", 0.5714, 1, 1, 0.5714),
    (1000, "1,000", 0, 1, 1, 0),
    (True, 1, 0, 1, 1, 0),
    (ANN_AND_BOB, BOB_ANNE_AND_ZED, 2.75, 5, 4, 0.6111),
]


@pytest.mark.parametrize(("ref", "pred", "tp", "n_pred", "n_ref", "f1"), DEFINITION)
def test_the_table_of_the_definition(ref, pred, tp, n_pred, n_ref, f1):
    found = score(ref, pred)
    assert found.tp == pytest.approx(tp, abs=5e-5)
    assert (found.n_pred, found.n_ref) == (n_pred, n_ref)
    assert found.f1 == pytest.approx(f1, abs=5e-5)


@pytest.mark.parametrize(("ref", "pred", "tp", "n_pred", "n_ref", "f1"), DEFINITION)
def test_the_table_of_the_definition_holds_with_the_sides_swapped(ref, pred, tp, n_pred, n_ref, f1):
    found = score(pred, ref)
    assert found.tp == pytest.approx(tp, abs=5e-5)
    assert (found.n_pred, found.n_ref) == (n_ref, n_pred)
    assert found.f1 == pytest.approx(f1, abs=5e-5)


class TestRule1Containers:
    @pytest.mark.parametrize("empty", [None, "", " \t\n\u00a0", [], {}, [None, ""], {"a": None, "b": [{"c": " "}]}])
    def test_a_value_without_content_has_no_leaves_and_earns_nothing(self, empty):
        assert score(empty, "x").n_ref == 0
        assert score({"a": empty}, {"a": empty}).tp == 0
        assert score({"a": empty}, {"a": empty}).f1 == 1

    def test_false_and_zero_are_values(self):
        assert score({"a": False, "b": 0}, {"a": False, "b": 0}).tp == 2

    def test_objects_earn_the_sum_over_shared_keys(self):
        assert score({"a": "x", "b": {"c": "y", "d": "z"}}, {"b": {"d": "z", "e": "y"}, "a": "x"}).tp == 2

    def test_lists_earn_the_best_assignment_even_where_the_greedy_one_is_worse(self):
        # "abcd" is most like "abcx", but giving it up earns more.
        found = score(["abcd", "abcx"], ["abcx", "zzzz"])
        assert found.tp == 1
        greedy_trap = score(["aaab", "aabb"], ["aabb", "bbbb"])
        assert greedy_trap.tp == pytest.approx(max(0.75 + 0.5, 0.25 + 1))

    def test_an_item_pair_weighs_its_own_credit_and_not_its_share(self):
        # The small item is wholly right in the first place, but the large one earns more there.
        small, large = {"a": "x"}, {"a": "x", "b": "y", "c": "z"}
        assert score([small, large], [large]).tp == 3

    @pytest.mark.parametrize("container", [["x"], {"a": "x"}])
    def test_a_container_against_a_scalar_earns_nothing(self, container):
        assert score(container, "x").tp == score("x", container).tp == 0
        assert score(["x"], {"a": "x"}).tp == 0


class TestRule2Scalars:
    def test_strings_are_compared_by_code_point_and_not_by_byte_or_unit(self):
        assert score("a😀", "a😁").tp == 0.5

    def test_strings_are_compared_after_nfkc_with_white_space_collapsed(self):
        assert score("ﬁve  １\n", " five 1").tp == 1

    def test_strings_are_case_sensitive(self):
        assert score("Sony", "SONY").tp == 0.25

    @pytest.mark.parametrize(("ref", "pred", "tp"), [(1, 1.0, 1), (0.1 + 0.2, 0.3, 1), (1, 1.001, 0), (0, 1e-12, 0)])
    def test_numbers_are_compared_up_to_their_rounding(self, ref, pred, tp):
        assert score(ref, pred).tp == tp

    def test_an_integer_beyond_any_float_is_still_a_number(self):
        assert score(10**400, 10**400).tp == 1
        assert score(10**400, 1.5).tp == 0

    @pytest.mark.parametrize(("ref", "pred", "tp"), [(True, True, 1), (True, False, 0), (False, 0, 0), (1.0, True, 0)])
    def test_booleans_are_no_numbers(self, ref, pred, tp):
        assert score(ref, pred).tp == tp

    @pytest.mark.parametrize(("ref", "pred"), [("1", 1), ("true", True), (1.5, "1.5")])
    def test_a_string_against_another_kind_earns_nothing(self, ref, pred):
        assert score(ref, pred).tp == score(pred, ref).tp == 0

    @pytest.mark.parametrize("soft", ["", "string", "verbatim-string"])
    def test_free_text_is_soft_under_a_typed_template(self, soft):
        template = Template.parse({"a": soft, "b": "integer"})
        assert score({"a": "abcd"}, {"a": "abcx"}, template=template).tp == 0.75

    @pytest.mark.parametrize(
        ("leaf", "ref", "pred", "tp"),
        [
            ("date", "2024-01-15", "2024-01-16", 0),
            ("date", "2024-01-15", "20240115", 1),
            ("email-address", "Ann@example.com", "ann@example.com", 1),
            ("phone-number", "+33612345678", "+33 6 12 34 56 78", 1),
            ("currency", "EUR", "EUP", 0),
            ("number", 12.5, 12.50, 1),
            ("number", "12.5", "12.50", 1),
            ("number", 12.5, "12.5", 0),
            (["abcd", "abcx"], "abcd", "abcx", 0),
            (["abcd", "abcx"], "abcd", " abcd", 1),
            ([["abcd", "abcx"]], ["abcd"], ["abcx"], 0),
            ([["abcd", "abcx"]], ["abcd", "abcx"], ["abcx"], 1),
            (["date"], ["2024-01-15"], ["2024-01-16", "20240115"], 1),
        ],
        ids=str,
    )
    def test_every_other_type_is_right_or_wrong_after_its_canonical_form(self, leaf, ref, pred, tp):
        template = Template.parse({"a": [{"b": leaf}]})
        assert score({"a": [{"b": ref}]}, {"a": [{"b": pred}]}, template=template).tp == tp

    def test_a_key_that_the_template_lacks_is_soft(self):
        template = Template.parse({"a": "date"})
        assert score({"b": "abcd"}, {"b": "abcx"}, template=template).tp == 0.75


class TestRule3Figures:
    def test_precision_and_recall_divide_by_their_own_side(self):
        found = score({"a": "x", "b": "y", "c": "z", "d": "w"}, {"a": "x", "b": "q"})
        assert (found.precision, found.recall) == (0.5, 0.25)
        assert found.f1 == pytest.approx(2 * 0.5 * 0.25 / 0.75)

    def test_without_leaves_on_either_side_every_figure_is_one(self):
        found = score({}, {})
        assert found.f1 == found.precision == found.recall == found.exact_f1 == 1

    def test_without_leaves_on_one_side_every_figure_is_zero(self):
        for found in (score({"a": "x"}, {}), score({}, {"a": "x"})):
            assert found.f1 == found.precision == found.recall == 0

    def test_a_corpus_is_scored_micro_with_the_mean_beside_it(self):
        corpus = aggregate([score(["a", "b", "c"], ["a", "b", "c"]), score(["a"], ["b"])])
        assert corpus.micro.f1 == pytest.approx(2 * 3 / 8)
        assert corpus.macro_f1 == 0.5
        assert corpus.documents == 2

    def test_the_interval_is_seeded_and_covers_the_headline(self):
        scores = [score({"a": "abcdefghij"}, {"a": "abcdefghij"[: 1 + index % 10]}) for index in range(40)]
        low, high = aggregate(scores).f1_ci95
        assert 0 < low < aggregate(scores).micro.f1 < high < 1
        assert aggregate(scores).f1_ci95 == (low, high) != aggregate(scores, seed=1).f1_ci95

    def test_the_interval_of_a_mean_is_as_wide_as_statistics_says(self):
        # Documents of one leaf, half of them right: F1 is a share, with a standard error of 0.5 / sqrt(400).
        low, high = bootstrap_f1([Tally(tp=index % 2, n_pred=1, n_ref=1) for index in range(400)], resamples=4000)
        assert (low, high) == (pytest.approx(0.451, abs=0.006), pytest.approx(0.549, abs=0.006))

    def test_equal_documents_leave_no_doubt(self):
        assert aggregate([score("abcd", "abcx")] * 3).f1_ci95 == (0.75, 0.75)

    def test_a_corpus_of_no_documents_is_an_error(self):
        with pytest.raises(ValueError, match="no documents"):
            aggregate([])


class TestRule4ExtraAndMissing:
    def test_what_is_invented_only_adds_predicted_leaves(self):
        found = score({"a": "x"}, {"a": "x", "b": ["y", "z"]})
        assert (found.tp, found.n_pred, found.n_ref) == (1, 3, 1)

    def test_what_is_missing_only_leaves_reference_leaves(self):
        found = score({"a": "x", "b": ["y", "z"]}, {"a": "x"})
        assert (found.tp, found.n_pred, found.n_ref) == (1, 1, 3)

    def test_a_correctly_empty_field_changes_empty_accuracy_and_no_f1(self):
        with_field = score({"a": "x", "b": None, "c": [], "d": "y"}, {"a": "x", "b": "", "c": ["z"], "d": None})
        assert with_field.empty_accuracy == 0.5
        assert with_field.f1 == score({"a": "x", "d": "y"}, {"a": "x", "c": ["z"]}).f1

    def test_a_field_that_only_the_template_names_is_to_be_empty(self):
        template = Template.parse({"a": "", "b": {"c": "", "d": [""]}})
        found = score({"a": "x"}, {"a": "x", "b": {"c": "y"}}, template=template)
        assert (found.tally.empty, found.tally.correctly_empty) == (2, 1)

    def test_inside_lists_the_empty_fields_of_paired_items_count(self):
        found = score([{"a": "x", "b": None}, {"a": "y", "b": None}], [{"a": "x", "b": "z"}])
        assert (found.tally.empty, found.tally.correctly_empty) == (1, 0)

    def test_without_empty_fields_there_is_no_empty_accuracy(self):
        assert score({"a": "x"}, {"a": "x"}).empty_accuracy is None


class TestRule5Answers:
    def test_an_answer_that_does_not_parse_is_scored_as_an_empty_object(self):
        answer = parse_answer('{"a": "x"')
        assert answer.invalid
        assert score({"a": "x"}, answer.scored).f1 == 0
        assert score({"a": "x"}, answer.repaired).f1 == 1

    def test_answers_that_do_not_parse_are_counted(self):
        corpus = aggregate([score({"a": "x"}, {"a": "x"})] * 3 + [score({"a": "x"}, {})], invalid=1)
        assert corpus.invalid_json_rate == 0.25

    def test_a_key_that_stands_twice_is_reported(self):
        assert parse_answer('{"a": 1, "a": 2}').duplicates == ("a",)


class TestRule6Variants:
    def test_exact_f1_keeps_the_pairing_and_counts_a_leaf_as_right_or_wrong(self):
        found = score({"a": ["hello", "x"]}, {"a": ["x", "hello!"]})
        assert found.exact_f1 == 0.5
        assert found.f1 == pytest.approx(2 * (1 + 5 / 6) / 4)

    def test_the_indel_variant(self):
        assert score("kitten", "sitting").indel_f1 == pytest.approx(0.6154, abs=5e-5)

    def test_the_indel_variant_has_an_assignment_of_its_own(self):
        # In order, by edits: 2/3 + 1/3 against 2/3 + 0; by insertions and deletions: 4/6 + 2/5 against 4/5 + 2/6.
        found = score(["baa", "cab"], ["bba", "ba"])
        assert found.tp == pytest.approx(2 / 3 + 1 / 3)
        assert found.indel_f1 == pytest.approx(2 * (4 / 5 + 2 / 6) / 4)

    def test_the_thresholded_variant_drops_what_is_below_one_half(self):
        found = score({"a": "abcd", "b": "abcd"}, {"a": "abxx", "b": "axxx"})
        assert found.tp == 0.75
        assert found.thresholded_f1 == 0.25

    def test_verbatim_rate_counts_predicted_texts_that_stand_in_the_source(self):
        pred = {"a": "Rue  de Lille", "b": "Paris", "c": 7, "d": None}
        found = score({}, pred, text="12 rue de Lille\n 75007 PARIS, Rue\nde Lille")
        assert (found.tally.strings, found.tally.verbatim) == (2, 1)
        assert found.verbatim_rate == 0.5

    def test_verbatim_rate_leaves_out_typed_values_which_are_not_copied(self):
        template = Template.parse({"a": "date", "b": "verbatim-string"})
        found = score({}, {"a": "2024-01-15", "b": "15 Jan"}, template=template, text="on 15 Jan")
        assert found.verbatim_rate == 1

    def test_without_the_source_there_is_no_verbatim_rate(self):
        assert score({}, {"a": "x"}).verbatim_rate is None

    def test_every_figure_comes_by_field_path(self):
        found = score(ANN_AND_BOB, BOB_ANNE_AND_ZED).fields
        assert list(found) == ["p[].n", "p[].r"]
        name, role = found["p[].n"], found["p[].r"]
        assert (name.tp, name.n_pred, name.n_ref, name.exact_tp) == (1.75, 3, 2, 1)
        assert (role.tp, role.n_pred, role.n_ref, role.exact_tp) == (1, 2, 2, 1)

    def test_fields_of_a_corpus_add_up_to_its_headline(self):
        corpus = aggregate([score(ref, pred) for ref, pred, *_ in DEFINITION])
        assert sum(corpus.fields.values(), Tally()) == corpus.micro
        assert corpus.micro.tp == pytest.approx(sum(tp for _, _, tp, *_ in DEFINITION), abs=5e-4)

    def test_an_invented_field_has_a_row_of_its_own(self):
        assert score({"a": "x"}, {"b": "x"}).fields == {"a": Tally(n_ref=1), "b": Tally(n_pred=1)}


class TestRule7AcceptedValues:
    def test_the_best_of_several_accepted_values_counts(self):
        accepted = {"Brand": ["Sony Corp", "SONY"]}
        assert score({"Brand": "Sony"}, {"Brand": "SONY"}, accepted=accepted).tp == 1
        assert score({"Brand": "Sony"}, {"Brand": "Sony"}, accepted=accepted).tp == 1
        assert score({"Brand": "Sony"}, {"Brand": "SONX"}, accepted=accepted).tp == 0.75

    def test_a_leaf_with_accepted_values_is_one_leaf(self):
        assert score({"a": "x"}, {}, accepted={"a": ["x", "y", "z"]}).n_ref == 1

    def test_accepted_values_reach_into_lists_by_position(self):
        ref = {"people": ["Bob", "Ann"], "items": [{"n": "pen"}, {"n": "cup"}]}
        accepted = {"people": [None, ["Anna"]], "items": [{"n": ["biro"]}]}
        pred = {"people": ["Anna", "Bob"], "items": [{"n": "cup"}, {"n": "biro"}]}
        assert score(ref, pred, accepted=accepted).f1 == 1
        assert score(ref, {"people": ["Anna", "Anna"]}, accepted=accepted).tp == pytest.approx(1)

    def test_accepted_values_take_the_canonical_form_of_their_leaf(self):
        template = Template.parse({"a": "date"})
        found = score({"a": "2024-01-15"}, {"a": "2024-01-16"}, template=template, accepted={"a": ["20240116"]})
        assert found.tp == found.exact_f1 == 1

    def test_accepted_values_that_do_not_fit_are_an_error(self):
        with pytest.raises(DataError, match=r"accepted\.a: expected a list of accepted values"):
            score({"a": "x"}, {}, accepted={"a": "y"})

    def test_real_rows_with_accepted_values_score_themselves_and_their_alternatives(self, data_dir):
        for name in ("product_attributes_oa_mine/train.jsonl", "sgd_dialogues/dev.jsonl"):
            with (data_dir / "extraction" / name).open(encoding="utf-8") as lines:
                for row in map(json.loads, [next(lines) for _ in range(200)]):
                    accepted = row["accepted"]
                    last = json.loads(json.dumps(accepted), object_hook=lambda fields: {
                        key: value[-1] if isinstance(value, list) else value for key, value in fields.items()
                    })  # fmt: skip
                    assert score(row["output"], row["output"], accepted=accepted).f1 == 1
                    assert score(row["output"], last, accepted=accepted).f1 == 1


class TestRule8Ties:
    def test_a_tie_changes_no_credit_and_reports_pair_the_lowest_indices(self):
        # Both predictions are worth one leaf to the one reference item: the first one is its partner.
        ref = [{"a": "x", "b": "y"}]
        for pred, path in (([{"a": "x"}, {"b": "y"}], "[].a"), ([{"b": "y"}, {"a": "x"}], "[].b")):
            found = score(ref, pred)
            assert found.tp == 1
            assert {key: tally.tp for key, tally in found.fields.items() if tally.tp} == {path: 1}


texts = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(["abc", "abd", "xyz"])
scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=14,
)
objects = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


class TestProperties:
    @settings(deadline=None)
    @given(values, values)
    def test_f1_does_not_change_when_the_sides_are_swapped(self, ref, pred):
        one, other = score(ref, pred), score(pred, ref)
        assert one.f1 == pytest.approx(other.f1)
        assert one.indel_f1 == pytest.approx(other.indel_f1)
        assert one.thresholded_f1 == pytest.approx(other.thresholded_f1)
        assert (one.precision, one.recall) == (pytest.approx(other.recall), pytest.approx(other.precision))

    @settings(deadline=None)
    @given(values, values)
    def test_figures_lie_between_zero_and_one(self, ref, pred):
        found = score(ref, pred, text="abc abd")
        assert -1e-9 <= found.tp <= min(found.n_pred, found.n_ref) + 1e-9
        for figure in (found.f1, found.precision, found.recall, found.exact_f1, found.indel_f1, found.thresholded_f1):
            assert 0 <= figure <= 1 + 1e-9
        assert found.exact_f1 <= found.f1 + 1e-9
        assert found.thresholded_f1 <= found.f1 + 1e-9 <= found.indel_f1 + 2e-9

    @settings(deadline=None)
    @given(values)
    def test_a_value_against_itself_scores_one(self, value):
        found = score(value, value)
        assert found.f1 == pytest.approx(1)
        assert found.exact_f1 == pytest.approx(1)

    @settings(deadline=None)
    @given(st.lists(values, max_size=5), st.lists(values, max_size=5), st.randoms(use_true_random=False))
    def test_the_order_of_lists_does_not_matter(self, ref, pred, draw):
        shuffled = draw.sample(pred, len(pred))
        assert score(ref, shuffled).f1 == pytest.approx(score(ref, pred).f1)

    @settings(deadline=None)
    @given(objects, objects, texts.filter(str.strip))
    def test_a_correct_added_leaf_never_lowers_f1_and_raises_it_where_it_can(self, ref, pred, leaf):
        before = score({**ref, "new": leaf}, pred)
        after = score({**ref, "new": leaf}, {**pred, "new": leaf})
        assert after.tp == pytest.approx(before.tp + 1)
        assert after.f1 > before.f1

    @settings(deadline=None)
    @given(values, values)
    def test_fields_add_up_to_the_document(self, ref, pred):
        found = score(ref, pred)
        assert found.tally.tp == pytest.approx(found.tp)
        assert (found.tally.n_pred, found.tally.n_ref) == (found.n_pred, found.n_ref)
