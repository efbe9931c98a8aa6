import { NodeServices } from "@effect/platform-node"
import { commandTimeout } from "@user-service/cache/RedisConnection"
import { assert } from "@effect/vitest"
import { Context, Duration, Effect, Fiber, FileSystem, Layer } from "effect"
import { type Answer, freshEngines, layerOn, TestApi } from "../TestApi.ts"

export type Process = TestApi["Service"]

export const profile = "/api/v1/users/profile/"
export const login = "/api/v1/users/login/"

/** Two processes over one database, one Redis and one set of keys, as patient with Redis as those that serve. */
export const make = Effect.fnUntraced(function* (
  databaseUrl: string,
  redisUrl: string,
  environment: Readonly<Record<string, string>> = {}
) {
  const files = yield* FileSystem.FileSystem
  const shared = { ...(yield* freshEngines(databaseUrl, redisUrl)), commandTimeout }
  const JWT_KEYS_FILE = `${yield* files.makeTempDirectoryScoped()}/jwt-keys.json`
  const process = (over: Partial<typeof shared> = {}) =>
    Effect.map(
      Layer.build(Layer.fresh(layerOn({ ...shared, ...over }, { JWT_KEYS_FILE, ...environment }))),
      (context) => Context.get(context, TestApi)
    )
  return { shared, process }
}, Effect.provide(NodeServices.layer))

/** What was answered, and after how many milliseconds. */
export interface Timed extends Answer {
  readonly millis: number
}

export const timed = (request: Effect.Effect<Answer>): Effect.Effect<Timed> =>
  Effect.map(Effect.timed(request), ([elapsed, answer]) => ({ ...answer, millis: Duration.toMillis(elapsed) }))

/** Repeats the requests, each over and over, until it is asked for the answers. */
export const load = Effect.fnUntraced(function* (requests: ReadonlyArray<Effect.Effect<Answer>>) {
  const answers: Array<Timed> = []
  const fibers = yield* Effect.forEach(requests, (request) =>
    Effect.forkScoped(
      Effect.forever(
        Effect.andThen(
          Effect.map(timed(request), (answer) => void answers.push(answer)),
          Effect.sleep("5 millis")
        )
      )
    )
  )
  return Effect.as(Fiber.interruptAll(fibers), answers)
})

/** How many answers there were of each status. */
export const assertStatuses = (answers: ReadonlyArray<Answer>, allowed: ReadonlyArray<number>): void => {
  assert.isNotEmpty(answers)
  const others = answers.filter(({ status }) => !allowed.includes(status))
  assert.deepStrictEqual(
    others.map(({ status, text }) => `${status} ${text}`),
    []
  )
}
