"""Does it learn, how fast, and when will it end?"""

from boards.panels import dashboard, graph, heatmap, labels_variable, row, stat
from boards.rates import WINDOW, rate

MINE = '{job="$job"}'
AGE = f"time() - halfpipe_job_last_step_timestamp_seconds{MINE}"
DURATION = "halfpipe_step_duration_seconds"


def _now():
    return [
        stat(
            "Done",
            {
                "done": f"halfpipe_job_step{MINE} "
                f"/ halfpipe_job_steps_planned{MINE}"
            },
            "Optimizer steps in the weights, of those planned.",
            unit="percentunit",
        ),
        stat(
            "Time left",
            {"left": f"halfpipe_job_eta_seconds{MINE}"},
            "Median of the last 32 steps, times the steps that are left.",
            unit="s",
        ),
        stat(
            "A step",
            {"median": f"halfpipe:job_step_seconds:median{MINE}"},
            "Median of the last 32 steps.",
            unit="s",
        ),
        stat("Last step", {"ago": AGE}, "How long ago it ended.", unit="s"),
        stat(
            "Loss",
            {"loss": f"halfpipe_train_loss{MINE}"},
            "Of the last step.",
            decimals=4,
        ),
        stat(
            "Model",
            {"{{name}}: {{model}}, rank {{rank}}": f"halfpipe_job_info{MINE}"},
            "What the job's file calls it, the variant that it names, and the "
            "LoRA's rank.",
            unit=None,
        ),
    ]


def _learning():
    return [
        graph(
            "Training loss",
            {
                "step": f"halfpipe_train_loss{MINE}",
                "mean": f"avg_over_time(halfpipe_train_loss{MINE}[$window])",
            },
            "A step draws its timesteps at random, and its loss depends on "
            "them more than on what was learnt: judge by the two beside it.",
            width=8,
        ),
        graph(
            "Training loss by timestep",
            {"t = {{t_band}}": f"halfpipe_train_loss_by_timestep{MINE}"},
            "Moving averages.",
            width=8,
        ),
        graph(
            "Validation loss",
            {"t = {{t_band}}": f"halfpipe_eval_loss{MINE}"},
            "Of held-out samples with fixed noise, by timestep.",
            width=8,
        ),
        graph(
            "Gradient norm",
            {"norm": f"halfpipe_grad_norm{MINE}"},
            "Of all LoRA gradients, before clipping. Peaks that grow come "
            "before a loss that is no number.",
        ),
        graph("Learning rate", {"rate": f"halfpipe_learning_rate{MINE}"}),
        graph(
            "Steps",
            {
                "done": f"halfpipe_job_step{MINE}",
                "planned": f"halfpipe_job_steps_planned{MINE}",
            },
            "A fall is a return to a checkpoint.",
        ),
        graph(
            "Age of the last step",
            {"age": AGE},
            "Teeth of a saw, as high as a step is long.",
            unit="s",
        ),
    ]


def _service():
    return [
        row("All jobs of the service"),
        graph(
            "Where the time goes",
            {
                "{{phase}} {{stage}}": rate(DURATION + "_sum", "stage, phase")
                + " / "
                + rate(DURATION + "_count", "stage, phase")
                + " > 0"
            },
            "Mean seconds of each phase of a step, by stage; step: the whole "
            "of it; save: a checkpoint.",
            unit="s",
        ),
        heatmap(
            "Steps by duration",
            {
                "{{le}}": f"sum by (le) (increase({DURATION}_bucket"
                '{phase="step"}[$window]))'
            },
            "Two bands are two sizes of clips, or a card that throttles.",
        ),
        graph(
            "Saves",
            {"{{instance}}": "halfpipe_checkpoint_save_seconds"},
            "Duration of the last one.",
            unit="s",
            width=8,
        ),
        graph(
            "Restarts",
            {
                "{{reason}}": "sum by (reason) "
                "(increase(halfpipe_job_restarts_total[1h]))"
            },
            "In an hour, by reason.",
            width=8,
            decimals=0,
        ),
        graph(
            "Steps without a number",
            {
                "{{instance}}": "sum by (instance) "
                "(increase(halfpipe_nonfinite_steps_total[1h]))"
            },
            "In an hour.",
            width=8,
            decimals=0,
        ),
    ]


def board():
    chosen = labels_variable(
        "job", "Job", "label_values(halfpipe_job_info, job)"
    )
    return dashboard(
        "halfpipe-job",
        "halfpipe: one job",
        __doc__,
        [chosen, WINDOW],
        _now() + _learning() + _service(),
    )
