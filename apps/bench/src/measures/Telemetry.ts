import { Effect } from "effect"
import { once } from "node:events"
import { createServer } from "node:http"
import { Bench } from "../Bench.ts"
import { compare } from "../Compare.ts"
import type { Figure } from "../Figure.ts"
import { closedRate } from "../load/Load.ts"
import * as Processes from "../Processes.ts"
import { readers } from "./ProfileReads.ts"

/** A collector that accepts all traces and drops them. */
const collector = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = createServer((request, response) => {
      request.resume()
      request.on("end", () => response.end("{}"))
    })
    await once(server.listen(0, "127.0.0.1"), "listening")
    return server
  }),
  (server) =>
    Effect.promise(async () => {
      server.closeAllConnections()
      await once(server.close(), "close")
    })
).pipe(
  Effect.flatMap((server) => {
    const address = server.address()
    return address === null || typeof address === "string"
      ? Effect.die("A TCP server has a port")
      : Effect.succeed(`http://127.0.0.1:${address.port}`)
  })
)

/** The cost of the access log and of traces for profile reads, the fastest route, where they cost the most. */
export const telemetry = Effect.gen(function* () {
  const { environment, rounds, seconds, service, serviceScript: script, users } = yield* Bench
  const OTEL_EXPORTER_OTLP_ENDPOINT = yield* collector
  const start = (what: string, more: Readonly<Record<string, string>>) =>
    Processes.start({ what, script, environment: { ...environment, ...more }, readyPath: "/health/ready" })
  const silent = yield* start("The service without an access log", { LOG_LEVEL: "warn" })
  const sampled = yield* start("The service with traces", { OTEL_EXPORTER_OTLP_ENDPOINT })
  const traced = yield* start("The service with all traces", {
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_TRACES_SAMPLER_ARG: "1"
  })
  const clients = readers(users, (user) => user.access)
  const rate = ({ url }: Processes.ServerProcess) => closedRate({ url, seconds, clients })
  const figure = (
    measure: string,
    must: number,
    aim: number,
    ours: Processes.ServerProcess,
    baseline: Processes.ServerProcess
  ) =>
    Effect.map(compare(rounds, rate(ours), rate(baseline)), (compared): Figure => ({
      id: "telemetry",
      measure,
      unit: "a second",
      goal: { must, aim, better: "higher" },
      ...compared
    }))
  return [
    yield* figure("profile reads with the access log, over the same without one", 0.85, 0.95, service, silent),
    yield* figure("profile reads, a tenth traced, over the same with no traces", 0.7, 0.9, sampled, service),
    yield* figure("profile reads, all traced, over the same with no traces", 0.5, 0.7, traced, service)
  ] satisfies ReadonlyArray<Figure>
}).pipe(Effect.scoped)
