import { NodeServices } from "@effect/platform-node"
import { Context, Effect, FileSystem, Layer, Schedule, type Scope } from "effect"
import type { SqlClient } from "effect/sql"
import { type Answer, freshEngines, layerOn, TestApi } from "../TestApi.ts"

type Process = TestApi["Service"]
type Environment = Readonly<Record<string, string>>

// A 503 says that nothing was changed and to come again, so these clients do: a machine full of tests is slow at times. What
// is counted afterwards holds only if it was true.
const patient = (process: Process): Process => ({
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
    /** The two in turn. */
    readonly nth: (index: number) => Process
    /** One more process, under another environment. */
    readonly start: (environment: Environment) => Effect.Effect<Process, never, Scope.Scope>
    /** The database they share. */
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
          // Nothing built for one process serves another.
          Layer.build(Layer.fresh(layerOn(shared, { JWT_KEYS_FILE: keys, ...environment, ...own }))).pipe(
            Effect.map((context) => patient(Context.get(context, TestApi))),
            Effect.orDie
          )
        const a = yield* start({})
        const b = yield* start({})
        return { a, b, nth: (index) => (index % 2 === 0 ? a : b), start, sql: a.sql }
      })
    ).pipe(Layer.provide(NodeServices.layer))
}

/** Does it `count` times, all at once. */
export const atOnce = <A, E, R>(count: number, run: (index: number) => Effect.Effect<A, E, R>) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => index),
    run,
    { concurrency: "unbounded" }
  )

/** How many answers there were of each status. */
export const tally = (answers: ReadonlyArray<Answer>): Record<number, number> => {
  const counts: Record<number, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return counts
}
