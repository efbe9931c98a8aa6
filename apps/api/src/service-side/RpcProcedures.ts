import { InternalError, UserServiceRpc } from "@user-service/schema/rpc/UserServiceRpc"
import { apiKeyHeader } from "@user-service/schema/ServiceScopes"
import { Cause, Effect, Exit, Schema } from "effect"
import { Headers, HttpServerRequest } from "effect/http"
import { Rpc, type RpcGroup, RpcSerialization } from "effect/rpc"
import type { AnswerTo } from "./RpcExchange.ts"
import { scopeOf, ServiceCalls } from "./ServiceCalls.ts"
import * as UserServiceRpcHandlers from "./UserServiceRpcHandlers.ts"

// Of any procedure, whatever it takes and answers.
type Handler = (payload: unknown) => Effect.Effect<unknown, { readonly _tag: string }>

/**
 * Makes the calls of {@link UserServiceRpc}, each for a key that is good for it, before what it carries is read. A defect is
 * logged here and answered without a word of what it was. In place of the library's server, which is ready for answers
 * without an end, and takes a twentieth of a read for it (decision 0016).
 */
export const make = Effect.gen(function* () {
  const { codecFor } = yield* RpcSerialization.RpcSerialization
  const { admit } = yield* ServiceCalls
  const handlers = yield* UserServiceRpcHandlers.make

  const procedureOf = (rpc: RpcGroup.Rpcs<typeof UserServiceRpc>): AnswerTo => {
    const decode = Schema.decodeUnknownEffect(codecFor(rpc.payloadSchema))
    const encode = Schema.encodeUnknownEffect(codecFor(Rpc.exitSchema(rpc)))
    const handler = handlers[rpc._tag] as Handler
    const scope = scopeOf(rpc.annotations)
    return ({ headers, payload }) =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
        const key = Headers.fromInput(headers)[apiKeyHeader] ?? request.headers[apiKeyHeader]
        return admit(key, scope)(Effect.flatMap(decode(payload), handler))
      }).pipe(
        Effect.catchCauseIf(Cause.hasDies, untold),
        // As the library tells a caller who does not keep to the procedure.
        Effect.catchIf(Schema.isSchemaError, ({ message }) => Effect.die(message)),
        Effect.exit,
        Effect.flatMap(encode),
        Effect.orDie
      )
  }

  const procedures = new Map<string, AnswerTo>()
  for (const rpc of UserServiceRpc.requests.values()) procedures.set(rpc._tag, procedureOf(rpc))
  const encodeUnknown = Schema.encodeSync(codecFor(Schema.Exit(Schema.Never, Schema.Never, Schema.Defect())))
  const unknown: AnswerTo = ({ tag }) => Effect.sync(() => encodeUnknown(Exit.die(`There is no procedure ${tag}`)))
  const answerTo: AnswerTo = (call) => (procedures.get(call.tag) ?? unknown)(call)
  return answerTo
})

const untold = (cause: Cause.Cause<unknown>) =>
  Effect.andThen(Effect.logError("A call failed for a reason of ours", cause), Effect.fail(new InternalError()))
