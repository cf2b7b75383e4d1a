"""What do both cards do with a step's time, and what with their memory?"""

from boards.panels import dashboard, graph, labels_variable, row, stack, stat
from boards.panels import up_or_down
from boards.rates import WINDOW, a_step, busy_ratio, rate

OURS = '{pair="$pair"}'
BUSY = rate("halfpipe_stage_busy_seconds_total", "stage", OURS)
SENT = rate("halfpipe_stage_transfer_bytes_total", "stage, direction", OURS)
CROSSING = rate(
    "halfpipe_stage_transfer_seconds_total", "stage, direction", OURS
)


def _now():
    return [
        stat(
            "Bubble",
            {"bubble": f'1 - avg({busy_ratio("stage", OURS)})'},
            "Share of the steps' time in which a card waits, mean of both.",
            unit="percentunit",
            decimals=1,
        ),
        stat(
            "Imbalance",
            {"imbalance": f"1 - min({BUSY}) / max({BUSY})"},
            "How much less than the other the less busy stage computes.",
            unit="percentunit",
            decimals=1,
        ),
        stat(
            "Blocks",
            {"{{stage}}": f"halfpipe_stage_layers{OURS}"},
            "Transformer blocks on each stage.",
        ),
        stat(
            "Steps a minute",
            {
                "steps": "60 * max("
                + rate("halfpipe_stage_steps_total", "stage", OURS)
                + ")"
            },
            decimals=1,
        ),
        stat(
            "Load",
            {
                "{{stage}}": "sum by (stage) "
                f"(halfpipe_model_load_seconds{OURS})"
            },
            "The last load of each part of the model, added up.",
            unit="s",
        ),
        stat("Up", {"{{stage}}": f"up{OURS}"}, mappings=up_or_down()),
    ]


def _time():
    return [
        graph(
            "Stages at work",
            {"stage {{stage}}": busy_ratio("stage", OURS)},
            "Share of the steps' time in which a card computes. 1 less the "
            "mean is the bubble.",
            unit="percentunit",
            min=0,
            max=1,
        ),
        stack(
            "Idle, by cause",
            {
                "{{stage}} {{cause}}": a_step(
                    "halfpipe_stage_idle_seconds_total", "stage, cause", OURS
                )
            },
            "Seconds of a step. bubble: the schedule or the peer has nothing "
            "for it. recv: what it needs is on the link. data: samples are "
            "read.",
            unit="s",
        ),
        graph(
            "Compute",
            {
                "stage {{stage}}": a_step(
                    "halfpipe_stage_busy_seconds_total", "stage", OURS
                )
            },
            "Seconds of a step. Lines far apart: the split does not fit.",
            unit="s",
            min=0,
        ),
        graph(
            "Over the link",
            {"{{stage}} {{direction}}": SENT},
            "Payload.",
            unit="Bps",
            width=6,
            min=0,
        ),
        graph(
            "Speed of the link",
            {"{{stage}} {{direction}}": f"{SENT} / {CROSSING}"},
            "Payload by the time in which it crossed.",
            unit="Bps",
            width=6,
            min=0,
        ),
    ]


def _gpu_memory(stage):
    return stack(
        f"Stage {stage}'s GPU",
        {
            "{{kind}}": "halfpipe_gpu_memory_bytes"
            f'{{pair="$pair", stage="{stage}"}}'
        },
        "Its memory by use, at its fullest.",
        unit="bytes",
    )


def _memory():
    return [
        row("Memory"),
        _gpu_memory(0),
        _gpu_memory(1),
        graph(
            "Host memory",
            {"{{stage}} {{kind}}": f"halfpipe_host_memory_bytes{OURS}"},
            "Of each stage, by kind.",
            unit="bytes",
            min=0,
        ),
        graph(
            "Read for models",
            {
                "{{stage}} {{part}}": rate(
                    "halfpipe_model_load_bytes_total", "stage, part", OURS
                )
            },
            "By stage and part.",
            unit="Bps",
            min=0,
        ),
    ]


def _cards():
    return [
        row("Cards"),
        graph(
            "Power",
            {"stage {{stage}}": f"halfpipe_gpu_power_watts{OURS}"},
            unit="watt",
            width=8,
        ),
        graph(
            "Clocks",
            {"{{stage}} {{clock}}": f"halfpipe_gpu_clock_hertz{OURS}"},
            "One that falls under load: power or heat.",
            unit="hertz",
            width=8,
        ),
        graph(
            "Temperature",
            {"stage {{stage}}": f"halfpipe_gpu_temperature_celsius{OURS}"},
            unit="celsius",
            width=8,
        ),
    ]


def _data():
    return [
        row("Data"),
        graph(
            "Cache",
            {
                "{{kind}}": f"sum by (kind) (halfpipe_cache_hits_total{OURS})",
                "missed {{kind}}": "sum by (kind) "
                f"(halfpipe_cache_misses_total{OURS})",
            },
            "What was found where it had been kept, and what was not.",
        ),
        graph(
            "Rejected samples",
            {
                "{{reason}}": "sum by (reason) "
                f"(halfpipe_dataset_rejected_total{OURS})"
            },
            "By reason.",
        ),
    ]


def board():
    chosen = labels_variable(
        "pair", "Pair", 'label_values(up{job="halfpipe-stage"}, pair)'
    )
    return dashboard(
        "halfpipe-pair",
        "halfpipe: one pair",
        __doc__,
        [chosen, WINDOW],
        _now() + _time() + _memory() + _cards() + _data(),
    )
