import { type Board, chart, filter, rate } from "../Board.ts"

const each = "{{job}} {{instance}}"

export const engines: Board = {
  uid: "user-service-engines",
  title: "User Service: engines and processes",
  description: "PostgreSQL, Redis and RabbitMQ as the service sees them, and what its processes use.",
  sections: [
    {
      title: "Engines",
      charts: [
        chart(
          "Engines that answer",
          "none",
          "0 while an engine does not answer a check, which runs every five seconds.",
          ["{{job}} {{engine}}", `min by (job, engine) (user_service_engine_up{${filter}})`]
        ),
        chart(
          "Use of database connections",
          "percentunit",
          "Operations that hold a connection alone, over DB_POOL_SIZE.",
          [each, `instance:database_pool:utilization{${filter}}`]
        ),
        chart(
          "Database operations in progress",
          "none",
          "With those that wait. Reads and writes share connections.",
          ["{{job}} {{operation}}", `sum by (job, operation) (database_operations_in_progress{${filter}})`],
          ["{{job}} connections", `sum by (job) (database_pool_size{${filter}})`]
        ),
        chart(
          "Cache",
          "ops",
          "A failure is a read or write that Redis did not answer.",
          ["hits", rate("job", "cache_hits_total")],
          ["misses", rate("job", "cache_misses_total")],
          ["failures", rate("job", "cache_failures_total")],
          ["refused", rate("job", "cache_refused_total")]
        ),
        chart("Quotas counted in PostgreSQL", "ops", "Above 0, Redis does not count the daily quotas of deliveries.", [
          "{{job}}",
          rate("job", "places_unavailable_total")
        ]),
        chart("Reconnections to RabbitMQ", "none", "The number in the last ten minutes.", [
          each,
          `increase(broker_reconnections_total{${filter}}[10m])`
        ])
      ]
    },
    {
      title: "Processes",
      charts: [
        chart("CPU", "percentunit", "Of one core, over all processes and threads of the program.", [
          each,
          rate("job, instance", "process_cpu_seconds_total")
        ]),
        chart(
          "Memory",
          "bytes",
          "Resident memory and JavaScript heap, over all processes of the program.",
          [`resident ${each}`, `process_resident_memory_bytes{${filter}}`],
          [`heap ${each}`, `nodejs_heap_size_used_bytes{${filter}}`]
        ),
        chart(
          "Event loop delay",
          "s",
          "Since the last scrape; of several processes the longest.",
          [`mean ${each}`, `nodejs_eventloop_lag_mean_seconds{${filter}}`],
          [`p99 ${each}`, `nodejs_eventloop_lag_p99_seconds{${filter}}`],
          [`max ${each}`, `nodejs_eventloop_lag_max_seconds{${filter}}`]
        ),
        chart(
          "Restarts",
          "none",
          "Of the program, and of processes that share its port, in an hour.",
          [`program ${each}`, `changes(process_start_time_seconds{${filter}}[1h])`],
          [`processes ${each}`, `increase(user_service_api_processes_ended_total{${filter}}[1h])`]
        ),
        chart("Uptime", "s", "Of the oldest process of the program.", [each, `process_uptime_seconds{${filter}}`]),
        chart("Duration of scrapes", "s", "With WORKERS above 1, an answer waits up to a second for all processes.", [
          each,
          `scrape_duration_seconds{${filter}}`
        ])
      ]
    }
  ]
}
