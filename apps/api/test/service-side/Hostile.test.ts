import { assert, describe, it } from "@effect/vitest"
import { maxCalls, UserServiceRpc } from "@user-service/schema/rpc/UserServiceRpc"
import { Effect } from "effect"
import * as Random from "../hostile/Random.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import {
  call,
  exitOf,
  frames,
  gatewayKey,
  type Message,
  payloadBytes,
  payloads,
  post,
  type RpcAnswer,
  type Tag,
  withGateway
} from "./Callers.ts"

const seed = 20_261_124
const patienceMillis = 5000
const key = { "x-api-key": gatewayKey }

const tags: ReadonlyArray<Tag> = Array.from(UserServiceRpc.requests.values(), (rpc) => rpc._tag)

/** A body to post, and what is odd about it. */
interface Odd {
  readonly name: string
  readonly bytes: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

const altered = (random: Random.Random, bytes: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from(bytes)
  for (let change = 0; change <= random.below(4); change++) copy[random.below(copy.length)] = random.below(256)
  return copy
}

const cut = (random: Random.Random, bytes: Uint8Array): Uint8Array => bytes.slice(0, random.below(bytes.length))

const stretched = (random: Random.Random, bytes: Uint8Array): Uint8Array => {
  const at = random.below(bytes.length)
  const more = Uint8Array.from({ length: 1 + random.below(64) }, () => random.below(256))
  return Buffer.concat([bytes.slice(0, at), more, bytes.slice(at)])
}

const noise = (random: Random.Random): Uint8Array =>
  Uint8Array.from({ length: random.below(2000) }, () => random.below(random.pick([2, 16, 256])))

// A frame, and a payload within a good frame, each with something done to it.
const oddBytes = Effect.fnUntraced(function* (random: Random.Random, count: number) {
  const odd: Array<Odd> = []
  for (let index = 0; index < count; index++) {
    const tag = random.pick(tags)
    const payload = yield* payloadBytes(tag)
    const frame = yield* frames([call(tag, payload)])
    const spoil = random.pick([altered, cut, stretched])
    odd.push({ name: `${tag}, its frame ${spoil.name}`, bytes: spoil(random, frame) })
    odd.push({
      name: `${tag}, its payload ${spoil.name}`,
      bytes: yield* frames([call(tag, spoil(random, payload))])
    })
    odd.push({ name: "noise", bytes: noise(random) })
    odd.push({ name: "noise for a payload", bytes: yield* frames([call(tag, noise(random))]) })
    const other = random.pick(tags)
    odd.push({ name: `${other} for ${tag}`, bytes: yield* frames([call(tag, yield* payloadBytes(other))]) })
  }
  return odd
})

const user = "01890000-0000-7000-8000-000000000000"
const oddTags = [
  "",
  "Nothing",
  "getUser",
  "__proto__",
  "constructor",
  "toString",
  "x".repeat(100_000),
  "\0",
  "\u{1d11e}"
]
const oddIds = ["", "x".repeat(100_000), 0, -1, 1.5, 2 ** 60, Number.NaN, Number.POSITIVE_INFINITY, "__proto__", "\0"]
const oddHeaders = [
  [["x-api-key", "\r\nx: y"]],
  [["__proto__", "x"]],
  [["constructor", "x"]],
  [["", ""]],
  Array.from({ length: 10_000 }, (_, index) => [`h${index}`, "x"]),
  [["x-api-key", "x".repeat(1_000_000)]]
]

// Whole messages that no client of ours sends.
const oddMessages = Effect.gen(function* () {
  const good = call("GetUser", yield* payloadBytes("GetUser"))
  const nothing = new Uint8Array()
  const many = (count: number, one: Message) => Array.from({ length: count }, (_, id) => ({ ...one, id: `${id}` }))
  const all: ReadonlyArray<readonly [name: string, messages: ReadonlyArray<Message>]> = [
    ["nothing", []],
    ...oddTags.map((tag) => [`tag ${tag.slice(0, 20)}`, [call(tag, nothing)]] as const),
    ...oddIds.map((id) => [`id ${String(id).slice(0, 20)}`, [{ ...good, id }]] as const),
    ...oddHeaders.map((headers, index) => [`headers ${index}`, [{ ...good, headers }]] as const),
    ["twice the same id", [good, good]],
    ["thrice the same id, of what takes its time", many(3, good).map((one) => ({ ...one, id: "1" }))],
    ["many unknown", many(100, call("Nothing", nothing))],
    ["many unreadable", many(100, call("ResolveDeliveries", Uint8Array.from([255, 255, 255])))],
    ["as many as may be", many(maxCalls, good)],
    ["too many", many(maxCalls + 1, good)],
    ["far too many", many(20_000, call("", nothing))],
    ["a notification", [{ ...good, isNotification: true }]],
    ["an unreadable notification", [{ ...call("GetUser", nothing), isNotification: true }]],
    ["a call whose answer nobody wants", [{ ...good, discard: true }]],
    ["an odd trace", [{ ...good, traceId: "x".repeat(10_000), spanId: "", sampled: true }]],
    ["an acknowledgement", [{ _tag: "Ack", requestId: "1" }]],
    ["an interruption of nothing", [{ _tag: "Interrupt", requestId: "1" }]],
    ["an interruption", [good, { _tag: "Interrupt", requestId: "1" }]],
    ["a ping", [{ _tag: "Ping" }]],
    ["many pings", Array.from({ length: 10_000 }, () => ({ _tag: "Ping" }))],
    ["an end", [{ _tag: "Eof" }]],
    ["a call after the end", [{ _tag: "Eof" }, good]],
    ["a call after the end of another", [good, { _tag: "Eof" }, { ...good, id: "2" }]],
    ["an answer", [{ _tag: "Exit", requestId: "1", exit: nothing }]],
    ["a part of an answer", [{ _tag: "Chunk", requestId: "1", values: nothing }]],
    ["a defect", [{ _tag: "Defect", defect: nothing }]]
  ]
  return yield* Effect.forEach(all, ([name, messages]) =>
    Effect.map(frames(messages), (bytes): Odd => ({ name, bytes }))
  )
})

// What the schema takes, and is odd all the same; and what it does not take, as far as it can be written.
const oddValues = Effect.gen(function* () {
  const texts = ["", " ", "\u0301", "\u{1d11e}".repeat(100), "'; drop table users; --", "%s%n", "${7*7}"]
  const delivery = { user_id: user, channel: "push", category: "security" }
  const values: ReadonlyArray<readonly [Tag, unknown]> = [
    ["GetUsers", { user_ids: [] }],
    ["GetUsers", { user_ids: Array.from({ length: 1000 }, () => user) }],
    ["ResolveDeliveries", { deliveries: [] }],
    ["ResolveDeliveries", { deliveries: Array.from({ length: 1000 }, () => delivery) }],
    [
      "ResolveDeliveries",
      { deliveries: Array.from({ length: 1000 }, () => ({ ...delivery, notification_id: "one" })) }
    ],
    ["ReportDeliveryStatus", { statuses: [] }],
    [
      "ReportDeliveryStatus",
      { statuses: Array.from({ length: 1000 }, () => ({ notification_id: "n", status: "sent" })) }
    ],
    ...texts
      .filter((text) => text !== "")
      .flatMap((text): ReadonlyArray<readonly [Tag, unknown]> => [
        ["ResolveDeliveries", { deliveries: [{ ...delivery, notification_id: text.slice(0, 60) }] }],
        [
          "ReportDeliveryStatus",
          { statuses: [{ notification_id: "n", status: "failed", error: text, provider: text }] }
        ]
      ]),
    ["ReportDeliveryStatus", { statuses: [{ notification_id: "n", status: "sent", error: "x".repeat(1_500_000) }] }]
  ]
  return yield* Effect.forEach(values, ([tag, value]) =>
    Effect.gen(function* () {
      return {
        name: `${tag} of ${JSON.stringify(value).slice(0, 80)}`,
        bytes: yield* frames([call(tag, yield* payloadBytes(tag, value))])
      } satisfies Odd
    })
  )
})

const secrets = /stack|node_modules|select |insert |SqlError|\.ts:/i

/** What is wrong with how the body was answered. */
const problemsOf = ({ name }: Odd, { bytes, messages, status }: RpcAnswer, millis: number): ReadonlyArray<string> => [
  ...([200, 400, 401, 413, 415].includes(status) ? [] : [`${name}: ${status}`]),
  ...(millis > patienceMillis ? [`${name}: takes ${Math.round(millis)} ms`] : []),
  ...(secrets.test(Buffer.from(bytes).toString("latin1")) ? [`${name}: tells too much`] : []),
  ...(messages.every((message) => ["Exit", "Defect"].includes(message._tag)) ? [] : [`${name}: answers otherwise`])
]

const ask = Effect.fnUntraced(function* (odd: Odd) {
  const started = performance.now()
  const answer = yield* post(odd.bytes, odd.headers ?? key)
  return problemsOf(odd, answer, performance.now() - started)
})

describe(`bodies posted to /rpc, by seed ${seed}`, { timeout: 300_000 }, () => {
  it.layer(layerEmbedded({ ...withGateway, LOG_LEVEL: "error" }), { excludeTestServices: true })((it) => {
    it.effect("none causes a 5xx, hangs or reveals internals", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const bytes = yield* oddBytes(Random.make(seed), 1100)
        const odd = [...bytes, ...(yield* oddMessages), ...(yield* oddValues)]
        const nobody = bytes.slice(0, 200).map((one): Odd => ({ ...one, headers: {} }))
        const all = [...odd, ...nobody]
        assert.isAbove(all.length, 5500)
        const problems = yield* Effect.forEach(all, ask, { concurrency: 4 })
        assert.deepStrictEqual(problems.flat().slice(0, 20), [])
        assert.deepStrictEqual(yield* api.log, [])
      })
    )

    it.effect("a body beyond 2 MiB is 413, one just below is read", () =>
      Effect.gen(function* () {
        const large = (length: number) =>
          Effect.flatMap(
            payloadBytes("ReportDeliveryStatus", {
              statuses: [{ notification_id: "n", status: "sent", error: "x".repeat(length) }]
            }),
            (payload) => frames([call("ReportDeliveryStatus", payload)])
          )
        const read = yield* post(yield* large(2_097_152 - 1000), key)
        assert.deepStrictEqual([read.status, read.messages.length], [200, 1])
        const refused = yield* post(yield* large(2_097_152), key)
        assert.strictEqual(refused.status, 413)
        assert.strictEqual(JSON.parse(Buffer.from(refused.bytes).toString()).code, "payload_too_large")
      })
    )

    it.effect("a body in another format is 415", () =>
      Effect.gen(function* () {
        const good = yield* frames([call("GetUser", yield* payloadBytes("GetUser"))])
        for (const type of ["application/json", "text/plain", "application/octet-stream"]) {
          const answer = yield* post(good, { ...key, "content-type": type })
          assert.strictEqual(answer.status, 415)
          assert.strictEqual(JSON.parse(Buffer.from(answer.bytes).toString()).code, "unsupported_media_type")
        }
      })
    )

    it.effect("a call that expects no response is refused and not executed", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const good = call("GetUser", yield* payloadBytes("GetUser"))
        for (const field of ["isNotification", "discard"]) {
          const { messages } = yield* post(yield* frames([good, { ...good, id: "2", [field]: true }]), key)
          assert.deepStrictEqual(
            messages.map(({ _tag }) => _tag),
            ["Defect"]
          )
        }
        assert.deepStrictEqual(yield* api.log, [])
      })
    )

    it.effect("each of many calls in one body is answered, and invalid ones do not affect the others", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { id } = yield* api.person()
        const good = yield* payloadBytes("GetUser", { user_id: id })
        const absent = yield* payloadBytes("GetUser", payloads.GetUser)
        const calls = Array.from({ length: maxCalls }, (_, index) =>
          call("GetUser", [good, absent, Uint8Array.from([9])][index % 3] ?? good, { id: `${index}` })
        )
        const { messages } = yield* post(yield* frames(calls), key)
        assert.lengthOf(messages, maxCalls)
        for (const message of messages) {
          const exit = yield* exitOf("GetUser", message)
          const expected = ["Success", "Failure", "Failure"][Number(message.requestId) % 3]
          assert.strictEqual(exit._tag, expected, message.requestId)
        }
      })
    )
  })
})
