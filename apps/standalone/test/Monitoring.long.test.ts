import { assert, describe, it } from "@effect/vitest"
import { notificationStatus } from "@user-service/broker/Topology"
import { freePort } from "@user-service/database/testing/PostgresServer"
import { Effect, Layer, Schedule } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { stringify } from "yaml"
import { accountJourney, environment as journeyEnvironment } from "./AccountJourney.ts"
import * as Engines from "./Engines.ts"
import { expectAnswer, sender, type Send } from "./Http.ts"
import { freshEmail, journey, type Person, register } from "./Journey.ts"
import { layerListener, message, publish } from "./Listener.ts"
import * as Mailbox from "./Mailbox.ts"
import { boardQueries, prometheusFolder, readYaml, rules, selectorsOf } from "./MonitoringFiles.ts"
import * as Program from "./Program.ts"
import { waitUntil, withTimeout } from "./WaitUntil.ts"

const isInstalled = spawnSync("prometheus", ["--version"]).status === 0

const metricsToken = "5f2b9c1e8a4d7063f5b2c9e18a4d7063"

interface ScrapeConfig {
  readonly job_name: string
  readonly authorization?: { readonly credentials_file: string }
}

interface Configuration {
  readonly scrape_configs: ReadonlyArray<ScrapeConfig>
}

/**
 * A Prometheus with the example for systemd, but other targets, a second in place of fifteen, and no node exporter. It presents
 * the token as the example does.
 */
const startPrometheus = Effect.fnUntraced(function* (targets: Readonly<Record<string, ReadonlyArray<string>>>) {
  const folder = yield* Program.folder
  const [compose] = readYaml<Configuration>("prometheus.yml")
  const [example] = readYaml<Configuration>("prometheus-systemd.yml")
  const configs = example?.scrape_configs.filter(({ job_name }) => job_name !== "node") ?? []
  const jobs = Object.keys(targets)
  for (const scraped of [configs, compose?.scrape_configs]) {
    assert.deepStrictEqual(
      scraped?.map(({ job_name }) => job_name),
      jobs
    )
  }
  for (const { authorization } of configs) {
    writeFileSync(join(folder, authorization?.credentials_file ?? assert.fail()), metricsToken)
  }
  const file = join(folder, "prometheus.yml")
  writeFileSync(
    file,
    stringify({
      ...example,
      global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
      rule_files: [join(prometheusFolder, "rules/*.yml")],
      scrape_configs: configs.map((config) => ({
        ...config,
        static_configs: [{ targets: (targets[config.job_name] ?? []).map((url) => new URL(url).host) }]
      }))
    })
  )
  const port = yield* freePort
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(
        "prometheus",
        [
          `--config.file=${file}`,
          `--storage.tsdb.path=${join(folder, "data")}`,
          `--web.listen-address=127.0.0.1:${port}`
        ],
        { stdio: "ignore" }
      )
    ),
    (child) =>
      Effect.promise(async () => {
        if (child.exitCode === null && child.kill("SIGKILL")) await once(child, "exit")
      })
  )
  const url = `http://127.0.0.1:${port}`
  const isReady = Effect.tryPromise(() => fetch(`${url}/-/ready`)).pipe(
    Effect.match({ onFailure: () => false, onSuccess: ({ ok }) => ok })
  )
  yield* waitUntil("Prometheus is ready", isReady)
  const ask = Effect.fnUntraced(function* (path: string, parameters: Readonly<Record<string, string>>) {
    assert.isNull(child.exitCode)
    const query = new URLSearchParams(parameters).toString()
    const { body, status, text } = yield* sender(url)("GET", `/api/v1/${path}?${query}`)
    assert.strictEqual(status, 200, `${JSON.stringify(parameters)}: ${text}`)
    return body.data
  })
  return { ask }
})

type Ask = Effect.Success<ReturnType<typeof startPrometheus>>["ask"]

interface Sample {
  readonly value: readonly [number, string]
}

/** The selectors without series and the queries without a number, now. */
const findMissing = Effect.fnUntraced(function* (ask: Ask) {
  const queries = boardQueries()
  const selectors = new Set([...rules(), ...queries].flatMap(({ expr }) => selectorsOf(expr)))
  const unmatched = yield* Effect.filter(
    selectors,
    (selector) =>
      Effect.map(ask("series", { "match[]": selector }), (series: ReadonlyArray<unknown>) => series.length === 0),
    { concurrency: 10 }
  )
  const empty = yield* Effect.filter(
    queries,
    ({ expr }) =>
      Effect.map(
        ask("query", { query: expr }),
        ({ result }: { readonly result: ReadonlyArray<Sample> }) =>
          !result.some(({ value: [, text] }) => text !== "NaN")
      ),
    { concurrency: 10 }
  )
  return [...unmatched, ...empty.map(({ expr, place }) => `${place}: ${expr}`)]
})

const users = "/api/v1/users"

/** Presents a refresh token that was exchanged twice. */
const reuseRefreshToken = Effect.fnUntraced(function* (send: Send, { refresh }: Person) {
  const exchange = (status: number, token: string) =>
    expectAnswer(send)(status, undefined, "POST", `${users}/token/refresh/`, { body: { refresh: token } })
  const { body } = yield* exchange(200, refresh)
  yield* exchange(200, body.refresh)
  yield* exchange(401, refresh)
})

/** Presents invalid links until the limit refuses them. */
const reachLimit = (send: Send) =>
  waitUntil(
    "A limit refuses",
    Effect.map(
      send("POST", `${users}/verify-email/confirm/`, { body: { token: "none" } }),
      ({ status }) => status === 429
    )
  )

/** Logs in so often at once that the queue of password hashes refuses one. */
const fillHashQueue = Effect.fnUntraced(function* (send: Send) {
  const login = Effect.suspend(() =>
    send("POST", `${users}/login/`, { body: { email: freshEmail(), password: "none" } })
  )
  const answers = yield* Effect.replicateEffect(login, 30, { concurrency: "unbounded" })
  assert.include(
    answers.map(({ status }) => status),
    503
  )
})

describe.skipIf(!Engines.areAvailable || !isInstalled)("Prometheus, with an API of two processes and a worker", () => {
  it.live(
    "finds series for each selector of rules and boards, and data for each panel",
    () =>
      Effect.gen(function* () {
        const engines = yield* Engines.all
        const environment = {
          ...engines,
          ...journeyEnvironment,
          WORKERS: "2",
          WORKER_PORT: "0",
          BCRYPT_COST: "10",
          HASH_QUEUE_SIZE: "1",
          RATE_LIMIT_REGISTER: "1000/1h"
        }
        // The journey reads the metrics without a token.
        const api = yield* Program.start(environment, "api")
        const withToken = { ...environment, METRICS_TOKEN: metricsToken }
        const worker = yield* Program.start(withToken, { ...Program.cli(), args: ["worker"] })
        // The journey of an account requires one process, which refuses ended sessions at once.
        const single = yield* Program.start({ ...withToken, WORKERS: "1" }, "api")
        const { ask } = yield* startPrometheus({
          "user-service-api": [api.url, single.url],
          "user-service-worker": [worker.url]
        })
        yield* waitUntil(
          "Both processes serve",
          Effect.sync(() => (api.stdout().match(/User Service is ready/g)?.length ?? 0) === 2)
        )
        const send = sender(api.url)

        const person = yield* register(send)
        // No queue takes mails yet.
        yield* waitUntil(
          "A mail finds no queue",
          Effect.map(
            sender(worker.url)("GET", "/metrics", { headers: { authorization: `Bearer ${metricsToken}` } }),
            ({ text }) => text.includes("mails_unconfirmed_total{")
          )
        )
        const mailbox = yield* Mailbox.ofQueue(engines.RABBITMQ_URL)
        yield* journey(send, "within a second")
        yield* accountJourney(sender(single.url), { mailbox })

        const listener = yield* Layer.build(layerListener(engines.RABBITMQ_URL))
        const report = { notification_id: "order-1815", user_id: person.id, channel: "push", status: "delivered" }
        const reportStatuses = Effect.forEach(
          [report, { status: "unreadable" }],
          (status) => publish(message(notificationStatus.name, "notification.status.push", status)),
          { discard: true }
        ).pipe(Effect.provide(listener))
        yield* expectAnswer(send)(401, undefined, "GET", `/internal/v1/users/${person.id}`, {
          headers: { "x-api-key": "wrong" }
        })
        yield* fillHashQueue(send)
        yield* reuseRefreshToken(send, person)
        yield* reachLimit(send)

        // What had no data yet. Rates of the requests above are only known for a minute after them.
        let missing: ReadonlyArray<string> | undefined
        // Statuses and registrations go on, because the first ones are no increase of counters that Prometheus did not know.
        yield* Effect.andThen(reportStatuses, register(send)).pipe(
          Effect.andThen(findMissing(ask)),
          Effect.map((found) => (missing = found.filter((query) => missing?.includes(query) ?? true))),
          Effect.repeat({ until: (still) => still.length === 0, schedule: Schedule.spaced("1 second") }),
          withTimeout(() => `data for ${missing?.join("\n")}`)
        )
        const { groups } = yield* ask("rules", {})
        const health = (groups as ReadonlyArray<{ readonly rules: ReadonlyArray<{ readonly health: string }> }>)
          .flatMap(({ rules }) => rules)
          .map(({ health }) => health)
        assert.lengthOf(health, rules().length)
        assert.deepStrictEqual([...new Set(health)], ["ok"])
      }),
    180_000
  )
})
