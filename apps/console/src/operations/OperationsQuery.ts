import { ActivityRange } from "@user-service/domain/Activity"
import type { ActivityBody } from "@user-service/schema/Activity"
import type { BacklogsBody } from "@user-service/schema/http/admin/StaffOperationsApi"
import { keepPreviousData, queryOptions } from "@tanstack/react-query"
import { Schema } from "effect"
import { api, run } from "../api/Client.ts"
import { linkPart, linkParts } from "../ui/LinkParts.ts"

/** What waits, as the admin API shows it. */
export type BacklogsView = typeof BacklogsBody.Type

/** The activity over time, as the admin API shows it. */
export type ActivityView = typeof ActivityBody.Type

/** The range in the query of a link. Without one it is an hour. */
export const rangeIn = linkParts(Schema.Struct({ range: linkPart(ActivityRange) }))

/** What waits, read again every five seconds while somebody uses the page. */
export const backlogsQuery = queryOptions({
  queryKey: ["backlogs"],
  queryFn: ({ signal }) => run(api["admin-operations"].outbox({}), signal),
  refetchInterval: 5000
})

// A part of the interval of the plots.
const refetchIntervals: Record<ActivityRange, number> = { hour: 20_000, day: 60_000, week: 300_000 }

/** The activity. The plots of the last range stay until those of a new one are there. */
export const activityQuery = (range: ActivityRange) =>
  queryOptions({
    queryKey: ["activity", range],
    queryFn: ({ signal }) => run(api["admin-operations"].activity({ query: { range } }), signal),
    refetchInterval: refetchIntervals[range],
    placeholderData: keepPreviousData
  })
