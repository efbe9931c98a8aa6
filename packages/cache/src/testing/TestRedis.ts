import { Duration, Effect, Layer, Redacted } from "effect"
import { Redis as Client } from "ioredis"
import { randomUUID } from "node:crypto"
import * as Redis from "../Redis.ts"

/** A key prefix for one test in a shared Redis. Its keys are deleted with the scope. */
export const freshPrefix = Effect.fnUntraced(function* (url: string) {
  const prefix = `test-${randomUUID()}:`
  yield* Effect.addFinalizer(() => Effect.promise(() => clean(url, prefix)))
  return prefix
})

/** Redis with a fresh key prefix. */
export const layer = (url: string) =>
  Layer.unwrap(
    Effect.map(freshPrefix(url), (prefix) => Redis.layer({ url: Redacted.make(url), prefix, commandTimeout: patient }))
  )

// Longer than in production, so that a busy machine does not look like an outage.
const patient = Duration.seconds(2)

const clean = async (url: string, prefix: string): Promise<void> => {
  const client = new Client(url)
  for await (const keys of client.scanStream({ match: `${prefix}*`, count: 1000 })) {
    if (keys.length > 0) await client.del(keys)
  }
  client.disconnect()
}

/** The keys with the prefix, each with its name and its serialised value, whatever its type. */
export const dump = (url: string, prefix: string): Effect.Effect<ReadonlyArray<readonly [key: string, text: string]>> =>
  Effect.promise(async () => {
    const client = new Client(url)
    const found: Array<readonly [string, string]> = []
    for await (const keys of client.scanStream({ match: `${prefix}*`, count: 1000 })) {
      for (const key of keys) {
        // DUMP compresses longer strings.
        const isString = (await client.type(key)) === "string"
        const value = isString ? await client.getBuffer(key) : await client.dumpBuffer(key)
        found.push([key, `${key} ${value?.toString("latin1") ?? ""}`])
      }
    }
    client.disconnect()
    return found
  })
