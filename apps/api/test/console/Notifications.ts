import { Effect } from "effect"
import { TestApi } from "../TestApi.ts"

const serviceKey = "a-key-of-a-sender-0123456789abcdefghijklm"

/** The environment in which {@link resolve} and {@link report} work. */
export const withSender = { SERVICE_API_KEYS: `sender:${serviceKey}` }

const post = Effect.fnUntraced(function* (path: string, body: unknown) {
  const { send } = yield* TestApi
  const answer = yield* send("POST", `/internal/v1/deliveries/${path}`, { headers: { "x-api-key": serviceKey }, body })
  if (answer.status !== 200) return yield* Effect.die(`${path} answered ${answer.text}`)
  return answer.body.data
})

/** Resolves a delivery as a sender does, and returns the decision. */
export const resolve = (delivery: Readonly<Record<string, unknown>>) =>
  Effect.map(post("resolve", { deliveries: [delivery] }), ([resolved]): string => resolved.decision)

/** Reports the status of a notification as a sender does. */
export const report = (status: Readonly<Record<string, unknown>>) => post("status", { statuses: [status] })
