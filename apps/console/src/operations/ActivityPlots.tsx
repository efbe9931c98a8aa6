import type { ActivityRange } from "@user-service/domain/Activity"
import { useMemo, useState } from "react"
import { Plot, type PlotProps } from "../ui/Plot.tsx"
import type { ActivityView } from "./OperationsQuery.ts"

const intervalNames: Record<ActivityRange, string> = {
  hour: "minute",
  day: "quarter of an hour",
  week: "hour"
}

/** The plots of the activity, with one cursor for all of them. */
export const ActivityPlots = ({ activity }: { activity: ActivityView }) => {
  const [cursor, setCursor] = useState<number | null>(null)
  const plots = useMemo(() => plotsOf(activity), [activity])
  const intervals = useMemo(
    () => ({
      from: new Date(activity.starts_at).getTime(),
      step: activity.step_seconds * 1000,
      count: activity.registrations.length
    }),
    [activity]
  )
  return (
    <div className="plots">
      {plots.map((plot) => (
        <Plot key={plot.title} {...plot} intervals={intervals} cursor={cursor} onCursor={setCursor} />
      ))}
    </div>
  )
}

const plotsOf = (activity: ActivityView): ReadonlyArray<Omit<PlotProps, "intervals" | "cursor" | "onCursor">> => {
  const { deliveries } = activity
  const counted = { measure: `in each ${intervalNames[activity.range]}`, unit: "count" } as const
  const sampled = { measure: `highest in each ${intervalNames[activity.range]}`, unit: "count", look: "lines" } as const
  return [
    {
      ...sampled,
      title: "Outbox lag",
      measure: `age of the oldest event, ${sampled.measure}`,
      unit: "seconds",
      series: [{ name: "Age", values: activity.outbox_lag_seconds }]
    },
    {
      ...sampled,
      title: "Events that wait",
      series: [{ name: "Events", values: activity.events_waiting }]
    },
    {
      ...sampled,
      title: "Mails that wait",
      series: [{ name: "Mails", values: activity.mails_waiting }]
    },
    {
      ...sampled,
      title: "Dead letters",
      series: [{ name: "Dead letters", values: activity.dead_letters_waiting }]
    },
    {
      ...counted,
      title: "Deliveries",
      look: "lines",
      series: [
        { name: "Allowed", values: deliveries.pending },
        { name: "Sent", values: deliveries.sent },
        { name: "Delivered", values: deliveries.delivered },
        { name: "Opened", values: deliveries.opened }
      ]
    },
    {
      ...counted,
      title: "Deliveries with problems",
      look: "lines",
      series: [
        { name: "Failed", values: deliveries.failed },
        { name: "Bounced", values: deliveries.bounced },
        { name: "Complained", values: deliveries.complained }
      ]
    },
    {
      ...counted,
      title: "Registrations",
      look: "bars",
      series: [{ name: "Registrations", values: activity.registrations }]
    },
    {
      ...counted,
      title: "Refused logins",
      look: "bars",
      series: [{ name: "Refused logins", values: activity.refused_logins }]
    }
  ]
}
