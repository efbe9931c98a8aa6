import { ActivityRange } from "@user-service/domain/Activity"
import { useQuery } from "@tanstack/react-query"
import { Link, useSearch } from "@tanstack/react-router"
import { type ApiFailure, asApiFailure } from "../api/ApiFailure.ts"
import { PauseNotice } from "../session/PauseNotice.tsx"
import { FailureText, ForbiddenPage, PendingPage } from "../ui/States.tsx"
import { useTitle } from "../ui/Title.ts"
import { ActivityPlots } from "./ActivityPlots.tsx"
import { BacklogTiles } from "./BacklogTiles.tsx"
import { activityQuery, type ActivityView, backlogsQuery, rangeIn } from "./OperationsQuery.ts"

/** What waits now, and the activity over time. The range of the plots is in its link. */
export const OperationsPage = () => {
  useTitle("Operations")
  const { range = "hour" } = rangeIn(useSearch({ from: "/staff/operations" }))
  const backlogs = useQuery(backlogsQuery)
  const activity = useQuery(activityQuery(range))
  const backlogsFailure = backlogs.isError ? asApiFailure(backlogs.error) : null
  const activityFailure = activity.isError ? asApiFailure(activity.error) : null
  if (backlogsFailure?.status === 403 || activityFailure?.status === 403) return <ForbiddenPage />
  return (
    <>
      <h1>Operations</h1>
      <section className="section" aria-labelledby="now">
        <header>
          <h2 id="now">What waits</h2>
          {backlogs.data === undefined ? null : (
            <p className="soft">
              {backlogs.isError ? "Last read at" : "Read at"} {clock.format(backlogs.dataUpdatedAt)}
            </p>
          )}
        </header>
        {backlogs.data === undefined ? null : <PauseNotice readAt={backlogs.dataUpdatedAt} />}
        {backlogs.isPending ? <PendingPage /> : null}
        <Failure failure={backlogsFailure} />
        {backlogs.data === undefined ? null : <BacklogTiles backlogs={backlogs.data} readAt={backlogs.dataUpdatedAt} />}
      </section>
      <section className="section" aria-labelledby="activity">
        <header>
          <h2 id="activity">Over time</h2>
          <RangeSwitch />
        </header>
        {activity.isPending ? <PendingPage /> : null}
        <Failure failure={activityFailure} />
        {activity.data === undefined ? null : (
          <>
            <Gaps activity={activity.data} />
            <div className={activity.isPlaceholderData ? "outdated" : undefined} aria-busy={activity.isPlaceholderData}>
              <ActivityPlots key={activity.data.range} activity={activity.data} />
            </div>
          </>
        )}
      </section>
    </>
  )
}

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" })

const rangeLabels: Record<ActivityRange, string> = { hour: "Hour", day: "Day", week: "Week" }

const RangeSwitch = () => (
  <nav className="switch" aria-label="Range of the plots">
    {ActivityRange.literals.map((range) => (
      <Link
        key={range}
        to="/operations"
        search={range === "hour" ? {} : { range }}
        activeOptions={{ exact: true }}
        resetScroll={false}
      >
        {rangeLabels[range]}
      </Link>
    ))}
  </nav>
)

const Failure = ({ failure }: { failure: ApiFailure | null }) =>
  failure === null ? null : (
    <div className="alert" role="alert">
      <FailureText failure={failure} />
    </div>
  )

const isEmpty = (series: ReadonlyArray<number | null>) => series.every((value) => value === null)

/** Why there is nothing in the plots. */
const Gaps = ({ activity }: { activity: ActivityView }) => {
  if (!isEmpty(activity.outbox_lag_seconds)) return null
  return (
    <output className="hint">
      {isEmpty(activity.registrations)
        ? "Nothing is recorded yet. The plots begin with the first complete interval after the start of a worker."
        : "No worker has recorded what waits in this time. Check that a worker runs."}
    </output>
  )
}
