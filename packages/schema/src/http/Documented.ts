import { Context, type Schema } from "effect"
import { OpenApi } from "effect/http-api"

/** A body that an endpoint takes, in wire form. */
export const RequestExample = Context.Reference<Schema.Json | undefined>(
  "@user-service/schema/http/Documented/RequestExample",
  { defaultValue: () => undefined }
)

/** What a person reads of an endpoint in the OpenAPI document; `id` names it in clients that are made from there. */
export const documented = (operation: {
  readonly id: string
  readonly summary: string
  readonly description: string
  /** A body that the endpoint takes, in wire form. */
  readonly example?: Schema.Json
}): Context.Context<never> =>
  OpenApi.annotations({
    identifier: operation.id,
    summary: operation.summary,
    description: operation.description
  }).pipe(Context.add(RequestExample, operation.example))
