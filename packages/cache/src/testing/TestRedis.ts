import { Duration, Effect, Layer, Redacted } from "effect"
import { Redis as Client } from "ioredis"
import { randomUUID } from "node:crypto"
import * as Redis from "../Redis.ts"

/** A namespace of its own in a Redis others use too. What was written under it is gone with the scope. */
export const freshPrefix = Effect.fnUntraced(function* (url: string) {
  const prefix = `test-${randomUUID()}:`
  yield* Effect.addFinalizer(() => Effect.promise(() => clean(url, prefix)))
  return prefix
})

/** Redis under such a namespace. */
export const layer = (url: string) =>
  Layer.unwrap(
    Effect.map(freshPrefix(url), (prefix) => Redis.layer({ url: Redacted.make(url), prefix, commandTimeout: patient }))
  )

// What a suite holds Redis to is no matter of time: a busy machine must not look like an outage.
const patient = Duration.seconds(2)

const clean = async (url: string, prefix: string): Promise<void> => {
  const client = new Client(url)
  for await (const keys of client.scanStream({ match: `${prefix}*`, count: 1000 })) {
    if (keys.length > 0) await client.del(keys)
  }
  client.disconnect()
}
