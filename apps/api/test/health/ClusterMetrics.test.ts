import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { get } from "node:http"
import process from "node:process"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("ClusterProgram.ts", import.meta.url))

interface Cluster {
  readonly url: string
  /** The processes that said that they serve, in their order. */
  readonly pids: () => ReadonlyArray<number>
}

/** Two processes on one port, which end with the scope. */
const start = Effect.gen(function* () {
  let said = ""
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, ["--conditions=@user-service/source", program], {
        stdio: ["ignore", "pipe", "inherit"],
        // A group of its own, to be ended whole: one that was stopped does not see that its primary has gone.
        detached: true
      })
      child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text))
      return child
    }),
    end
  )
  const ready = () => [...said.matchAll(/^ready (\d+) (\S+)$/gm)]
  const cluster: Cluster = {
    get url() {
      return ready()[0]?.[2] ?? ""
    },
    pids: () => ready().map(([, pid]) => Number(pid))
  }
  yield* until(Effect.sync(() => cluster.pids().length === 2 || child.exitCode !== null))
  return cluster
})

const end = (child: ChildProcess) =>
  Effect.promise(async () => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
    const gone = once(child, "exit")
    process.kill(-child.pid, "SIGKILL")
    await gone
  })

const until = <E>(condition: Effect.Effect<boolean, E>) =>
  Effect.repeat(condition, { until: (so) => so, schedule: Schedule.spaced("20 millis") })

/** An answer on a connection of its own, so that the processes take turns. */
const read = (url: string) =>
  Effect.callback<string>((resume) => {
    const request = get(url, { agent: false }, (response) => {
      let text = ""
      response
        .setEncoding("utf8")
        .on("data", (part: string) => (text += part))
        .on("end", () => resume(Effect.succeed(text)))
    })
    request.on("error", (error) => resume(Effect.die(error)))
    return Effect.sync(() => request.destroy())
  })

const valueOf = (text: string, series: string) =>
  Number(
    text
      .split("\n")
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length + 1)
  )

const counted = "test_requests_total"
const processes = (state: string) => `user_service_api_processes{state="${state}"}`

describe("the metrics of two processes on one port", () => {
  it.live(
    "are combined by either process, and available when the other one is killed or hangs",
    () =>
      Effect.gen(function* () {
        const cluster = yield* start
        const count = read(`${cluster.url}/count`)
        const scrape = read(`${cluster.url}/metrics`)
        const served = new Set<string>()
        let requests = 0
        yield* until(
          Effect.map(count, (pid) => {
            requests += 1
            return served.add(pid).size === 2
          })
        )
        for (const text of [yield* scrape, yield* scrape, yield* scrape]) {
          assert.strictEqual(valueOf(text, counted), requests)
          assert.strictEqual(valueOf(text, "test_processes"), 2)
          assert.strictEqual(valueOf(text, processes("answering")), 2)
        }

        const [first = 0] = cluster.pids()
        process.kill(first, "SIGKILL")
        yield* until(Effect.sync(() => cluster.pids().length === 3))
        const afterwards = yield* scrape
        assert.strictEqual(valueOf(afterwards, counted), requests, "no count is lost with its process")
        assert.strictEqual(valueOf(afterwards, "test_processes"), 1, "the successor has served nothing yet")
        yield* count
        assert.strictEqual(valueOf(yield* scrape, counted), requests + 1)

        const [, second = 0] = cluster.pids()
        process.kill(second, "SIGSTOP")
        // One of these may be given to the process that hangs.
        const scrapes = [scrape, scrape, scrape]
        const text = yield* Effect.raceAll(scrapes)
        assert.strictEqual(valueOf(text, processes("silent")), 1)
        assert.strictEqual(valueOf(text, counted), requests + 1, "what it had counted last counts on")
      }),
    120_000
  )
})
