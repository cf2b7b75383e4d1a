"""Is the service there, what does it do, and does anything run out?"""

from boards.panels import dashboard, graph, red_from, stack, stat, table
from boards.panels import up_or_down
from boards.rates import WINDOW, busy_ratio


def _now():
    return [
        stat(
            "Alerts",
            {
                "firing": 'count(ALERTS{alertname=~"Halfpipe.*", '
                'alertstate="firing"}) or vector(0)'
            },
            "Rules that fire now; docs/runbook.md has each.",
            thresholds=red_from(1),
        ),
        stat(
            "Processes",
            {
                "coordinator": 'up{job="halfpipe-coordinator"}',
                "{{pair}} {{stage}}": 'up{job="halfpipe-stage"}',
            },
            "What Prometheus reached at its last scrape.",
            width=8,
            mappings=up_or_down(),
        ),
        stat(
            "Queue",
            {"jobs": "sum(halfpipe_queue_depth)"},
            "Jobs that wait for a pair of stages.",
        ),
        stat(
            "Restarts, 24 h",
            {
                "restarts": "sum(increase(halfpipe_job_restarts_total[24h])) "
                "or vector(0)"
            },
            "A stage or the link was lost, or a job rolled back.",
            decimals=0,
        ),
        stat(
            "Last checkpoint",
            {
                "ago": "time() - (halfpipe_checkpoint_last_success_"
                "timestamp_seconds > 0)"
            },
            "Of any job: what a crash now would cost.",
            unit="s",
        ),
        table(
            "Jobs on a pair",
            {
                "info": "max by (job, name, model, rank) (halfpipe_job_info)",
                "done": "max by (job) (halfpipe_job_step "
                "/ halfpipe_job_steps_planned)",
                "time left": "max by (job) (halfpipe_job_eta_seconds)",
                "a step": "max by (job) (halfpipe:job_step_seconds:median)",
                "last step": "time() - max by (job) "
                "(halfpipe_job_last_step_timestamp_seconds)",
            },
            {
                "done": "percentunit",
                "time left": "s",
                "a step": "s",
                "last step": "s",
            },
            by="job",
            facts=["name", "model", "rank"],
            links={"job": "/d/halfpipe-job?var-job=${__value.raw}"},
            description="A last step that is many steps ago is a stuck job.",
        ),
    ]


def _over_time():
    return [
        stack(
            "Jobs",
            {"{{state}}": "sum by (state) (halfpipe_jobs) > 0"},
            "Live jobs in each state.",
            decimals=0,
        ),
        graph(
            "Seconds a step",
            {"{{job}}": "halfpipe:job_step_seconds:median"},
            "Median of each job's last 32 steps.",
            unit="s",
        ),
        graph(
            "Stages at work",
            {"{{pair}} {{stage}}": busy_ratio("pair, stage")},
            "Share of the steps' time in which a card computes.",
            unit="percentunit",
            min=0,
            max=1,
        ),
        graph(
            "GPU power",
            {"{{pair}} {{stage}}": "halfpipe_gpu_power_watts"},
            "A card that waits takes little of it.",
            unit="watt",
            min=0,
        ),
        graph(
            "Host memory left",
            {
                "{{pair}}": "min by (pair) "
                "(halfpipe_host_memory_available_bytes)"
            },
            "A plan leaves 4 GiB of it.",
            unit="bytes",
            min=0,
        ),
        graph(
            "Disk left",
            {"{{kind}}": "min by (kind) (halfpipe_disk_free_bytes)"},
            "By what lies there.",
            unit="bytes",
            min=0,
        ),
    ]


def board():
    return dashboard(
        "halfpipe-overview",
        "halfpipe: overview",
        __doc__,
        [WINDOW],
        _now() + _over_time(),
    )
