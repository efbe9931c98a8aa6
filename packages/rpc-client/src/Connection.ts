import { maxCalls, UserServiceRpc } from "@user-service/schema/rpc/UserServiceRpc"
import { apiKeyHeader } from "@user-service/schema/ServiceScopes"
import { Context, Effect, Layer, Record, Redacted, Schema } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { Rpc, type RpcGroup, RpcSerialization } from "effect/rpc"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import type { RequestEncoded } from "effect/rpc/RpcMessage"
import * as Wire from "./Wire.ts"

/** Where the service is, and the key it knows the caller by. */
export interface Address {
  /** As far as what stands before `/rpc`: `https://users.internal.example.com`. */
  readonly url: string
  readonly apiKey: Redacted.Redacted<string>
}

/** The URL of a path of the service's. */
export const at = ({ url }: Pick<Address, "url">, path: string): string => url.replace(/\/+$/, "") + path

type Procedure = RpcGroup.Rpcs<typeof UserServiceRpc>

type Call<R extends Procedure> = (
  payload: Rpc.PayloadConstructor<R>
) => Effect.Effect<Rpc.Success<R>, Rpc.Error<R> | RpcClientError>

/** The procedures, as they are on the wire. */
export type Procedures = { readonly [R in Procedure as R["_tag"]]: Call<R> }

/** The procedures over HTTP; a call ends at the layer's `timeout`, in milliseconds, where it was not answered. */
export class Connection extends Context.Service<
  Connection,
  {
    /** Each call is a request of its own: for what is large. */
    readonly calls: Procedures
    /** Calls that are made in the same tick share a request: for what is small. */
    readonly lookUps: Procedures
  }
>()("@user-service/rpc-client/Connection") {
  static readonly layer = (address: Address, timeout: number) =>
    Layer.effect(Connection, make(address, timeout)).pipe(Layer.provide(RpcSerialization.layerSchemaBinary()))
}

// Of any procedure; what is for which of them is in the type of `Procedures`.
type AnyCall = (payload: unknown) => Effect.Effect<unknown, unknown>

// A mistake in the program or its configuration, which no retry mends, ends the program where the client is built.
const checkAddress = ({ apiKey, url }: Address): Effect.Effect<void> => {
  if (!Redacted.isRedacted(apiKey)) {
    return Effect.die(new TypeError("apiKey of the user service's client must be Redacted: Redacted.make(key)"))
  }
  return isHttpUrl(url)
    ? Effect.void
    : Effect.die(new TypeError("url of the user service's client must be http or https, without a user or password"))
}

const isHttpUrl = (text: string): boolean => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && url.password === ""
}

const make = Effect.fnUntraced(function* (address: Address, timeout: number) {
  yield* checkAddress(address)
  const { codecFor } = yield* RpcSerialization.RpcSerialization
  const endpoint = {
    http: HttpClient.filterStatusOk(yield* HttpClient.HttpClient),
    request: HttpClientRequest.post(at(address, "/rpc")),
    timeout
  }
  // The key goes with each call, so that it is in no header of a request that others trace or log.
  const headers: RequestEncoded["headers"] = [[apiKeyHeader, Redacted.value(address.apiKey)]]
  let lastId = 0

  const callOf = (rpc: Procedure, send: Wire.Send): AnyCall => {
    const encode = Schema.encodeUnknownEffect(codecFor(rpc.payloadSchema))
    const decode = Schema.decodeUnknownEffect(codecFor(Rpc.exitSchema(rpc)))
    return (payload) =>
      encode(payload).pipe(
        Effect.orDie,
        Effect.flatMap((encoded) => send({ _tag: "Request", id: ++lastId, tag: rpc._tag, payload: encoded, headers })),
        Effect.flatMap((exit) =>
          Effect.mapError(decode(exit), (error) => Wire.defect("The answer cannot be read", error))
        ),
        Effect.flatten
      )
  }
  const procedures = (send: Wire.Send) =>
    Record.fromEntries(
      Array.from(UserServiceRpc.requests.values(), (rpc) => [rpc._tag, callOf(rpc, send)])
    ) as Procedures

  return Connection.of({
    calls: procedures(yield* Wire.single(endpoint)),
    lookUps: procedures(yield* Wire.shared(endpoint, maxCalls))
  })
})
