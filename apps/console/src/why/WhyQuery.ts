import { Category, Channel } from "@user-service/domain/Delivery"
import type { ExplainedDecisionBody } from "@user-service/schema/DeliveryExplanation"
import { TimeInput } from "@user-service/schema/Input"
import { queryOptions } from "@tanstack/react-query"
import { Effect, Option, Schema } from "effect"
import { decodeInput } from "../api/ApiFailure.ts"
import { api, run } from "../api/Client.ts"

/** A decision as the admin API explains it. */
export type Explanation = typeof ExplainedDecisionBody.Type

/** The notification that a link asks about. Without a time, it would be sent now. */
export interface WhySearch {
  readonly channel: Channel
  readonly category: Category
  readonly at?: string
}

const decodeChannel = Schema.decodeUnknownOption(Channel)
const decodeCategory = Schema.decodeUnknownOption(Category)

/** The notification in the query of a link, which may have other parts: the router passes on what its route does not know. A transactional e-mail, if the link does not say. */
export const whyIn = ({ at, category, channel }: Readonly<Record<string, unknown>>): WhySearch => ({
  channel: Option.getOrElse(decodeChannel(channel), () => "email"),
  category: Option.getOrElse(decodeCategory(category), () => "transactional"),
  ...(typeof at === "string" && at !== "" ? { at } : {})
})

const decodeQuery = decodeInput(
  Schema.Struct({ channel: Channel, category: Category, at: Schema.optionalKey(TimeInput) })
)

export const whyQuery = (id: string, search: WhySearch) =>
  queryOptions({
    queryKey: ["users", id, "why", search],
    queryFn: ({ signal }) =>
      run(
        Effect.flatMap(decodeQuery(search), (query) => api["admin-why"].explain({ params: { id }, query })),
        signal
      )
  })
