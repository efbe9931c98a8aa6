import { assert } from "@effect/vitest"
import { Unauthenticated } from "@user-service/domain/ServiceAccess"
import { RequestExample } from "@user-service/schema/http/OperationDescription"
import { UserServiceRpc } from "@user-service/schema/rpc/UserServiceRpc"
import { apiKeyHeader } from "@user-service/schema/ServiceScopes"
import { Context, Effect, Exit, Layer, Redacted, Schema } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { Rpc, RpcClient, type RpcGroup, RpcSerialization } from "effect/rpc"
import { hash } from "node:crypto"
import { absentId } from "../edge/Routes.ts"
import { TestApi } from "../TestApi.ts"

/** A key for everything, as the settings have it. */
export const gatewayKey = "gw-Vq3uYp7xK2mT9wZ5rN8cB1dF6gH4jL0s"

/** An environment in which {@link gatewayKey} is good. */
export const withGateway = { SERVICE_API_KEYS: `gateway:${gatewayKey}` }

/** A key as the file has it. */
export const inFile = (name: string, key: string, scopes: ReadonlyArray<string>, notAfter?: string) => ({
  name,
  sha256: hash("sha256", key),
  scopes,
  ...(notAfter === undefined ? {} : { not_after: notAfter })
})

/** A typed client of the service at the URL, with the key in the HTTP header. */
export const clientAt = Effect.fnUntraced(function* (url: string, key: string) {
  // For as long as the test: a client that is made apart from its layers would outlive them.
  const context = yield* Layer.build(
    RpcClient.layerProtocolHttp({
      url: `${url}/rpc`,
      transformClient: HttpClient.mapRequest(HttpClientRequest.setHeader(apiKeyHeader, key))
    }).pipe(Layer.provide([RpcSerialization.layerSchemaBinary(), FetchHttpClient.layer]))
  )
  return yield* Effect.provideContext(RpcClient.make(UserServiceRpc), context)
})

/** {@link clientAt} the service under test, with {@link gatewayKey}. */
export const client = () => Effect.flatMap(TestApi, ({ url }) => clientAt(url, gatewayKey))

/** The body that an endpoint is shown with; undefined where it takes none. */
export const exampleOf = (endpoint: { readonly annotations: Context.Context<never> }) =>
  Context.get(endpoint.annotations, RequestExample)

type Procedures = RpcGroup.Rpcs<typeof UserServiceRpc>
export type Tag = Rpc.Tag<Procedures>

const delivery = { user_id: absentId, channel: "email", category: "system" }

/** What each procedure takes. */
export const payloads: { readonly [Name in Tag]: unknown } = {
  IntrospectToken: { token: Redacted.make("no token of ours") },
  GetUser: { user_id: absentId },
  GetUsers: { user_ids: [absentId] },
  GetPreferences: { user_id: absentId },
  GetPushTokens: { user_id: absentId },
  ResolveDeliveries: { deliveries: [delivery, { ...delivery, notification_id: "n-1" }] },
  ReportDeliveryStatus: { statuses: [{ notification_id: "n-1", status: "sent", error: "none" }] }
}

export const procedureOf = (tag: Tag): Procedures => {
  const rpc = UserServiceRpc.requests.get(tag)
  if (rpc === undefined) throw new Error(`There is no procedure ${tag}`)
  return rpc
}

const withSerialization = Effect.provide(RpcSerialization.layerSchemaBinary())

/** The bytes of a payload, as long as the schema takes it. */
export const payloadBytes = (tag: Tag, payload: unknown = payloads[tag]): Effect.Effect<Uint8Array> =>
  Effect.gen(function* () {
    const { codecFor } = yield* RpcSerialization.RpcSerialization
    const encode = Schema.encodeUnknownEffect(codecFor(procedureOf(tag).payloadSchema))
    return yield* Effect.map(Effect.orDie(encode(payload)), (bytes) => bytes as Uint8Array)
  }).pipe(withSerialization)

/** What a client may say, whatever is in it. */
export interface Message {
  readonly _tag: string
  readonly [field: string]: unknown
}

export const call = (tag: string, payload: Uint8Array, more: Readonly<Record<string, unknown>> = {}): Message => ({
  _tag: "Request",
  id: "1",
  tag,
  payload,
  headers: [],
  ...more
})

/** The bytes of messages, one after the other. */
export const frames = (messages: ReadonlyArray<Message>): Effect.Effect<Uint8Array> =>
  Effect.map(RpcSerialization.RpcSerialization, ({ makeUnsafe }) =>
    Buffer.concat(messages.map((message) => Buffer.from(makeUnsafe().encode(message) ?? "")))
  ).pipe(withSerialization)

export const binary = { "content-type": "application/vnd.effect.rpc+schema-binary" }

/** What came back; the messages where it was told in frames. */
export interface RpcAnswer {
  readonly status: number
  readonly headers: globalThis.Headers
  readonly bytes: Uint8Array
  // Tests reach into answers freely and say by assertions what is there.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly messages: ReadonlyArray<any>
}

/** Posts the bytes to `/rpc` as they are. */
export const post = (bytes: Uint8Array, headers: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const { url } = yield* TestApi
    const answer = yield* Effect.promise(() =>
      fetch(`${url}/rpc`, { method: "POST", body: new Uint8Array(bytes), headers: { ...binary, ...headers } })
    )
    const received = new Uint8Array(yield* Effect.promise(() => answer.arrayBuffer()))
    const { makeUnsafe } = yield* RpcSerialization.RpcSerialization
    const isBinary = answer.headers.get("content-type") === binary["content-type"]
    const messages = isBinary ? makeUnsafe().decode(received) : []
    const told: RpcAnswer = { status: answer.status, headers: answer.headers, bytes: received, messages }
    return told
  }).pipe(withSerialization)

/** How the call ended that the message tells of. */
export const exitOf = (tag: Tag, message: RpcAnswer["messages"][number]) =>
  Effect.gen(function* () {
    const { codecFor } = yield* RpcSerialization.RpcSerialization
    return yield* Effect.orDie(Schema.decodeUnknownEffect(codecFor(Rpc.exitSchema(procedureOf(tag))))(message?.exit))
  }).pipe(withSerialization)

const refusals = (["missing", "unknown", "expired"] as const).map((reason) => new Unauthenticated({ reason }))

/** Calls the procedure with what it takes, and these headers on the request. A 401 is the refusal that it says. */
export const rawCall = (tag: Tag, headers: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const { bytes, messages, status } = yield* post(yield* frames([call(tag, yield* payloadBytes(tag))]), headers)
    if (status !== 401) return yield* exitOf(tag, messages[0])
    const { message } = JSON.parse(Buffer.from(bytes).toString())
    return Exit.fail(refusals.find((refusal) => refusal.message === message) ?? assert.fail(message))
  })
