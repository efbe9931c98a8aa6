import { NodeServices } from "@effect/platform-node"
import { Context, Effect, FileSystem, Layer, Schedule, type Scope } from "effect"
import type { SqlClient } from "effect/sql"
import { type Answer, freshEngines, layerOn, TestApi } from "../TestApi.ts"

type Process = TestApi["Service"]
type Environment = Readonly<Record<string, string>>

// Retries a 503, which means that nothing was changed: the machine may be busy with other tests. The assertions on the final
// state would fail if a 503 had changed something.
const retryUnavailable = (process: Process): Process => ({
  ...process,
  send: (...request) =>
    Effect.repeat(process.send(...request), {
      until: ({ status }) => status !== 503,
      schedule: Schedule.spaced("1 second"),
      times: 10
    })
})

/** Two processes of the service over one database, one Redis and one set of keys. */
export class Fleet extends Context.Service<
  Fleet,
  {
    readonly a: Process
    readonly b: Process
    /** Alternates between the two. */
    readonly nth: (index: number) => Process
    /** Starts another process with additional environment variables. */
    readonly start: (environment: Environment) => Effect.Effect<Process, never, Scope.Scope>
    /** The shared database. */
    readonly sql: SqlClient.SqlClient
  }
>()("@user-service/api/test/races/Fleet") {
  static readonly layer = (databaseUrl: string, redisUrl: string, environment: Environment = {}) =>
    Layer.effect(
      Fleet,
      Effect.gen(function* () {
        const files = yield* FileSystem.FileSystem
        const shared = yield* freshEngines(databaseUrl, redisUrl)
        const keys = `${yield* files.makeTempDirectoryScoped()}/jwt-keys.json`
        const start = (own: Environment) =>
          // Fresh, so that processes do not share services.
          Layer.build(Layer.fresh(layerOn(shared, { JWT_KEYS_FILE: keys, ...environment, ...own }))).pipe(
            Effect.map((context) => retryUnavailable(Context.get(context, TestApi))),
            Effect.orDie
          )
        const a = yield* start({})
        const b = yield* start({})
        return { a, b, nth: (index) => (index % 2 === 0 ? a : b), start, sql: a.sql }
      })
    ).pipe(Layer.provide(NodeServices.layer))
}

/** Runs the effect `count` times concurrently. */
export const repeatConcurrently = <A, E, R>(count: number, run: (index: number) => Effect.Effect<A, E, R>) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => index),
    run,
    { concurrency: "unbounded" }
  )

/** The number of answers of each status. */
export const countStatuses = (answers: ReadonlyArray<Answer>): Record<number, number> => {
  const counts: Record<number, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return counts
}
