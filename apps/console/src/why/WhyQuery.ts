import { Category, Channel } from "@user-service/domain/Delivery"
import type { ExplainedDecisionBody } from "@user-service/schema/DeliveryExplanation"
import { TimeInput } from "@user-service/schema/Input"
import { queryOptions } from "@tanstack/react-query"
import { Effect, Schema } from "effect"
import { decodeInput } from "../api/ApiFailure.ts"
import { api, run } from "../api/Client.ts"
import { linkPart, linkParts } from "../ui/LinkParts.ts"

/** A decision as the admin API explains it. */
export type Explanation = typeof ExplainedDecisionBody.Type

/** The notification that a link asks about. Without a time, it would be sent now. */
export interface WhySearch {
  readonly channel: Channel
  readonly category: Category
  readonly at?: string
}

const whyPartsIn = linkParts(
  Schema.Struct({ channel: linkPart(Channel), category: linkPart(Category), at: linkPart(Schema.NonEmptyString) })
)

/** The notification in the query of a link. A transactional e-mail, if the link does not say. */
export const whyIn = (search: Readonly<Record<string, unknown>>): WhySearch => ({
  channel: "email",
  category: "transactional",
  ...whyPartsIn(search)
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
