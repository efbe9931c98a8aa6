import { type Board, chart, filter, rate } from "../Board.ts"

// Each worker reports the backlog of all workers.
const backlog = (metric: string) => `max by (job) (${metric}{${filter}})`

export const deliveries: Board = {
  uid: "user-service-deliveries",
  title: "User Service: deliveries and events",
  description: "Whether events, mails and statuses arrive, what waits, and what is decided about deliveries.",
  sections: [
    {
      title: "Events",
      charts: [
        chart("Age of the oldest unpublished event", "s", "Over a minute raises an alert.", [
          "{{job}}",
          backlog("outbox_lag_seconds")
        ]),
        chart(
          "Unpublished events",
          "none",
          "Events set aside come from a newer release.",
          ["waiting", backlog("outbox_waiting_events")],
          ["set aside", backlog("outbox_set_aside_events")]
        ),
        chart(
          "Publications of events",
          "ops",
          "Unconfirmed events are retried.",
          ["published", rate("job", "outbox_published_total")],
          ["unconfirmed", rate("job", "outbox_unconfirmed_total")]
        ),
        chart("All publications by outcome", "ops", "`unroutable`: no queue is bound for a mail.", [
          "{{outcome}}",
          rate("outcome", "broker_published_total")
        ])
      ]
    },
    {
      title: "Statuses",
      charts: [
        chart("Statuses by outcome", "ops", "All but applied, unchanged and user_erased become dead letters.", [
          "{{outcome}}",
          rate("outcome", "notification_statuses_total")
        ]),
        chart("Received messages", "ops", "By queue, those of dead letters too.", [
          "{{queue}}",
          rate("queue", "broker_consumed_total")
        ]),
        chart("Batch size, median", "none", "Full batches of 1,000 mean that statuses wait in the queue.", [
          "{{queue}}",
          `histogram_quantile(0.5, ${rate("le, queue", "worker_consumer_batch_size_bucket")})`
        ]),
        chart("Paused consumers", "none", "1 while messages wait for an engine.", [
          "{{queue}}",
          `max by (queue) (worker_consumer_paused{${filter}})`
        ]),
        chart("Dead letters that wait", "none", "They wait for an operator: `dead-letters list`.", [
          "{{job}}",
          backlog("dead_letters_waiting")
        ]),
        chart("Age of the oldest dead letter", "s", "They are removed after DEAD_LETTER_RETENTION.", [
          "{{job}}",
          backlog("dead_letters_oldest_seconds")
        ]),
        chart("Age of the oldest requested replay", "s", "Staff requested it: a worker publishes within seconds.", [
          "{{job}}",
          backlog("dead_letter_replays_oldest_seconds")
        ]),
        chart("New dead letters by reason", "none", "The number in the last ten minutes.", [
          "{{reason}}",
          `sum by (reason) (increase(dead_letters_total{${filter}}[10m]))`
        ]),
        chart("Share of statuses that become dead letters", "percentunit", "Over 5 % raises an alert.", [
          "{{job}}",
          `job:notification_statuses_dead:ratio_rate10m{job=~"$job"}`
        ])
      ]
    },
    {
      title: "Decisions on deliveries",
      charts: [
        chart("Decisions", "ops", "By channel, of all that senders asked for.", [
          "{{channel}} {{decision}}",
          rate("channel, decision", "delivery_decisions_total")
        ]),
        chart("Denied and deferred, by rule", "ops", "The rule that decided.", [
          "{{decision}} {{rule}}",
          rate("decision, rule", "delivery_decisions_total", `decision!="allow"`)
        ])
      ]
    },
    {
      title: "Mails and jobs",
      charts: [
        chart(
          "Mails that wait",
          "none",
          "Mails, and requests to reset a password that have no mail yet.",
          ["mails", backlog("mails_waiting")],
          ["password resets", backlog("password_resets_waiting")]
        ),
        chart(
          "Age of what waits",
          "s",
          "Over five minutes raises an alert that wakes somebody.",
          ["mails", backlog("mails_oldest_seconds")],
          ["password resets", backlog("password_resets_oldest_seconds")]
        ),
        chart("Mails by type", "ops", "Published and confirmed.", ["{{type}}", rate("type", "mails_published_total")]),
        chart(
          "Mails that no queue took",
          "none",
          "Retries and dropped mails, in an hour.",
          ["{{type}} {{outcome}}", `sum by (type, outcome) (increase(mails_unconfirmed_total{${filter}}[1h]))`],
          ["{{type}} dropped", `sum by (type) (increase(mails_dropped_total{${filter}}[1h]))`]
        ),
        chart("Runs of jobs", "none", "In an hour. Each job runs once a minute in one worker.", [
          "{{name}} {{outcome}}",
          `sum by (name, outcome) (increase(worker_job_runs_total{${filter}}[1h]))`
        ]),
        chart("Rows that jobs processed", "ops", "Steadily high values mean a backlog.", [
          "{{name}}",
          rate("name", "worker_job_items_total")
        ]),
        chart("Worker that runs the jobs", "none", "1 in one of the workers.", [
          "{{instance}}",
          `worker_jobs_leading{${filter}}`
        ])
      ]
    }
  ]
}
