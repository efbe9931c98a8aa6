import { useQuery } from "@tanstack/react-query"
import { Link, useNavigate, useSearch } from "@tanstack/react-router"
import { type FormEvent, useState } from "react"
import { Form } from "react-aria-components/Form"
import { type ApiFailure, asApiFailure } from "../api/ApiFailure.ts"
import { Button } from "../ui/Button.tsx"
import { DataTable } from "../ui/DataTable.tsx"
import { Facts } from "../ui/Facts.tsx"
import { Field } from "../ui/Field.tsx"
import { useFieldErrors } from "../ui/FieldErrors.ts"
import { Section } from "../ui/Section.tsx"
import { FailureText, PendingPage } from "../ui/States.tsx"
import { Time } from "../ui/Time.tsx"
import { useTitle } from "../ui/Title.ts"
import { StatusBadge } from "../users/StatusBadge.tsx"
import { UserLink } from "../users/UserLink.tsx"
import { DecisionBadge, RulesTable } from "../why/Decision.tsx"
import { notificationText } from "../why/RuleNames.ts"
import type { Explanation } from "../why/WhyQuery.ts"
import { deliveriesQuery, notificationIn, type RecordedDelivery } from "./DeliveriesQuery.ts"

/** What is recorded of a notification: the decisions, and the statuses that came. The id of the notification is in the link. */
export const DeliveriesPage = () => {
  useTitle("Deliveries")
  const { notification_id = "" } = notificationIn(useSearch({ from: "/staff/deliveries" }))
  const recorded = useQuery(deliveriesQuery(notification_id))
  const failure = recorded.isError ? asApiFailure(recorded.error) : null
  return (
    <>
      <h1>Deliveries</h1>
      <NotificationForm key={notification_id} notificationId={notification_id} failure={failure} />
      {notification_id === "" ? (
        <p className="soft">
          Shows what was decided on a notification, and what its sender has reported since. The page of a user lists the
          latest notifications to them.
        </p>
      ) : null}
      {recorded.isLoading ? <PendingPage /> : null}
      {failure === null || failure.status === 422 ? null : (
        <div className="alert" role="alert">
          <FailureText failure={failure} />
          <Button onClick={() => recorded.refetch()} isBusy={recorded.isFetching}>
            Try again
          </Button>
        </div>
      )}
      {recorded.isSuccess && recorded.data.deliveries.length === 0 ? <NothingRecorded /> : null}
      {recorded.data?.deliveries.map((delivery, index) => (
        <DeliverySection key={`${delivery.user_id} ${delivery.channel}`} delivery={delivery} position={index + 1} />
      ))}
    </>
  )
}

const NothingRecorded = () => (
  <div className="card empty">
    <p>Nothing is recorded of a notification with this id.</p>
    <p className="soft">
      A refused notification is kept for 14 days, and only if its sender named it with this id when it asked. Compare
      the id with the one in the sender's logs. The page of the user tells why they would not get a notification now.
    </p>
  </div>
)

const titles = { email: "E-mail", push: "Push notification" } as const

const DeliverySection = ({ delivery: found, position }: { delivery: RecordedDelivery; position: number }) => {
  const { channel, decisions, delivery, next_step, user_id } = found
  const category = delivery?.category ?? decisions[0]?.category
  return (
    <Section
      id={`delivery-${position}`}
      title={channel === null ? "Channel not known" : titles[channel]}
      actions={
        user_id === null || channel === null ? null : (
          <Link
            to="/users/$id/why"
            params={{ id: user_id }}
            search={{ channel, category: category ?? "transactional" }}
            className="button"
          >
            Why now
          </Link>
        )
      }
    >
      <p>{next_step}</p>
      <Facts
        facts={[
          ["User", user_id === null ? <span className="soft">erased since</span> : <UserLink id={user_id} />],
          ["Category", category ?? <span className="soft">not known</span>],
          ["Status", delivery === null ? <span className="soft">none</span> : <StatusBadge status={delivery.status} />],
          ...(delivery === null
            ? []
            : [["Provider", delivery.provider ?? <span className="soft">not reported</span>] as const])
        ]}
      />
      <h3>Statuses</h3>
      <DataTable
        label="Statuses"
        empty="The sender has reported no status."
        rows={statusesOf(found)}
        keyOf={({ status }) => status}
        columns={[
          { title: "Status", cell: ({ status }) => <StatusBadge status={status} /> },
          { title: "Time", cell: ({ at }) => <Time at={at} /> },
          {
            title: "Error",
            cell: ({ status }) =>
              delivery?.status === status && (delivery.error ?? delivery.error_code) !== null ? (
                <ErrorText code={delivery.error_code} text={delivery.error} />
              ) : null
          }
        ]}
      />
      <h3>Decisions</h3>
      {decisions.length === 0 ? (
        <p className="soft">
          No decision is recorded: the notification was not resolved here, or more than 14 days ago.
        </p>
      ) : (
        decisions.map((decision, index) => (
          <RecordedDecision key={decision.decided_at} decision={decision} isOpen={index === 0} />
        ))
      )}
    </Section>
  )
}

// Deliveries of older releases have no list.
const statusesOf = ({ delivery, statuses }: RecordedDelivery): RecordedDelivery["statuses"] =>
  statuses.length === 0 && delivery !== null && delivery.status !== "pending"
    ? [{ status: delivery.status, at: delivery.updated_at }]
    : statuses

const ErrorText = ({ code, text }: { code: string | null; text: string | null }) => (
  <span className="agent">
    {code === null ? null : <code>{code}</code>} {text}
  </span>
)

const chargedIn = ({ checks }: Explanation) =>
  checks.flatMap(({ facts }) => facts).find(({ name }) => name === "notifications_charged")?.value ?? null

/** A decision with its rules, as they were when it was made. */
const RecordedDecision = ({ decision, isOpen }: { decision: Explanation; isOpen: boolean }) => {
  const { at, decided_at, preferences_version, until } = decision
  // On a phone the rules are as long as several screens, so there the decision opens by a tap on its verdict.
  const [isWide] = useState(() => matchMedia("(min-width: 46rem)").matches)
  return (
    <details className="recorded" open={isOpen && isWide}>
      <summary>
        <DecisionBadge decision={decision} /> <Time at={decided_at} />
        {until === null ? null : (
          <>
            {" "}
            until <Time at={until} />
          </>
        )}
      </summary>
      <Facts
        facts={[
          ["Notification", notificationText(decision)],
          ["Time of sending", <Time key="at" at={at} />],
          ["Preferences version", preferences_version ?? <span className="soft">none</span>],
          ["Sent that day", chargedIn(decision) ?? <span className="soft">not counted</span>]
        ]}
      />
      <RulesTable decision={decision} label={`Rules of the decision at ${decided_at}`} />
    </details>
  )
}

const NotificationForm = ({ failure, notificationId }: { notificationId: string; failure: ApiFailure | null }) => {
  const navigate = useNavigate()
  const [text, setText] = useState(notificationId)
  const { errors, noteChange } = useFieldErrors(failure)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void navigate({ to: "/deliveries", search: text === "" ? {} : { notification_id: text }, resetScroll: false })
  }
  return (
    <Form validationBehavior="aria" className="search" onSubmit={submit} validationErrors={errors}>
      <Field
        name="notification_id"
        label="Id of the notification"
        type="search"
        hint="The id that its sender gave it."
        autoComplete="off"
        autoFocus={notificationId === ""}
        value={text}
        onChange={(value) => {
          noteChange("notification_id")
          setText(value)
        }}
      />
      <Button look="primary" type="submit">
        Show
      </Button>
    </Form>
  )
}
