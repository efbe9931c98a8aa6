import { NodeServices } from "@effect/platform-node"
import { commandTimeout } from "@user-service/cache/RedisConnection"
import { assert } from "@effect/vitest"
import { Context, Duration, Effect, Fiber, FileSystem, Layer } from "effect"
import { type Answer, freshEngines, layerOn, TestApi } from "../TestApi.ts"

export type Process = TestApi["Service"]

export const profile = "/api/v1/users/profile/"
export const login = "/api/v1/users/login/"

/** Starts processes on one database, one Redis and one key file, with the Redis timeout of production. */
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

/** An answer and its latency in milliseconds. */
export interface TimedResponse extends Answer {
  readonly millis: number
}

export const withMillis = (request: Effect.Effect<Answer>): Effect.Effect<TimedResponse> =>
  Effect.map(Effect.timed(request), ([elapsed, answer]) => ({ ...answer, millis: Duration.toMillis(elapsed) }))

/** Repeats the requests until the returned effect is run, which returns all answers. */
export const load = Effect.fnUntraced(function* (requests: ReadonlyArray<Effect.Effect<Answer>>) {
  const answers: Array<TimedResponse> = []
  const fibers = yield* Effect.forEach(requests, (request) =>
    Effect.forkScoped(
      Effect.forever(
        Effect.andThen(
          Effect.map(withMillis(request), (answer) => void answers.push(answer)),
          Effect.sleep("5 millis")
        )
      )
    )
  )
  return Effect.as(Fiber.interruptAll(fibers), answers)
})

/** Asserts that there are answers, and that all have one of the allowed statuses. */
export const assertStatuses = (answers: ReadonlyArray<Answer>, allowed: ReadonlyArray<number>): void => {
  assert.isNotEmpty(answers)
  const others = answers.filter(({ status }) => !allowed.includes(status))
  assert.deepStrictEqual(
    others.map(({ status, text }) => `${status} ${text}`),
    []
  )
}
