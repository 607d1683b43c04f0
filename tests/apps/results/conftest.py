"""Results as other programs write them."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def lm_eval_results() -> dict[str, Any]:
    """What lm-eval 0.4.13 wrote of a model on a few rows, its configurations cut short; "N/A" is of a single row."""
    arc_easy = {"acc,none": 0.175, "acc_stderr,none": 0.060843430844447564}
    arc_easy |= {"acc_norm,none": 0.175, "acc_norm_stderr,none": 0.060843430844447564}
    arc_challenge = {"acc,none": 0.275, "acc_stderr,none": 0.0714995069016527}
    arc_challenge |= {"acc_norm,none": 0.2, "acc_norm_stderr,none": 0.06405126152203486}
    gsm8k: dict[str, Any] = {"exact_match,strict-match": 1.0, "exact_match_stderr,strict-match": "N/A"}
    gsm8k |= {"exact_match,flexible-extract": 0.0, "exact_match_stderr,flexible-extract": "N/A"}
    group = {"alias": "ai2_arc", "name": "ai2_arc", "sample_len": 80, "acc_norm,none": 0.1875}
    group |= {"acc_norm_stderr,none": 0.044171504331093306, "sample_count": {"acc_norm,none": 80}}
    return {
        "results": {
            "arc_easy": {"name": "arc_easy", "alias": "arc_easy", "sample_len": 40, **arc_easy},
            "arc_challenge": {"name": "arc_challenge", "alias": "arc_challenge", "sample_len": 40, **arc_challenge},
            "gsm8k": {"name": "gsm8k", "alias": "gsm8k", "sample_len": 1, **gsm8k},
            "ai2_arc": group,
        },
        "groups": {"ai2_arc": group},
        "group_subtasks": {"ai2_arc": ["arc_easy", "arc_challenge"]},
        "configs": {"arc_easy": {"task": "arc_easy", "num_fewshot": 0}},
        "versions": {"ai2_arc": 1, "arc_challenge": 1.0, "arc_easy": 1.0, "gsm8k": 3.0},
        "n-shot": {"ai2_arc": 0, "arc_challenge": 0, "arc_easy": 0, "gsm8k": 5},
        "higher_is_better": {"arc_easy": {"acc": True, "acc_norm": True}},
        "n-samples": {"arc_easy": {"original": 40, "effective": 40}, "gsm8k": {"original": 30, "effective": 1}},
        "config": {"model": "hf", "model_args": {"pretrained": "out/base"}, "batch_size": 1, "limit": None},
        "git_hash": None,
        "date": 1795834504.8,
        "lm_eval_version": "0.4.13",
        "task_hashes": {},
        "model_source": "hf",
        "model_name": "out/base",
        "model_name_sanitized": "out__base",
        "system_instruction": None,
        "total_evaluation_time_seconds": "3.27",
    }
