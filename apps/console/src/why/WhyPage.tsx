import { Category, Channel } from "@user-service/domain/Delivery"
import { useQuery } from "@tanstack/react-query"
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router"
import { type FormEvent, useState } from "react"
import { Form } from "react-aria-components/Form"
import { type ApiFailure, asApiFailure } from "../api/ApiFailure.ts"
import { Button } from "../ui/Button.tsx"
import { Choice } from "../ui/Choice.tsx"
import { Facts } from "../ui/Facts.tsx"
import { Field } from "../ui/Field.tsx"
import { useFieldErrors } from "../ui/FieldErrors.ts"
import { Section } from "../ui/Section.tsx"
import { FailureText, NotFoundPage, PendingPage } from "../ui/States.tsx"
import { Time } from "../ui/Time.tsx"
import { useTitle } from "../ui/Title.ts"
import { UserLink } from "../users/UserLink.tsx"
import { DecisionBadge, RulesTable } from "./Decision.tsx"
import { localInput, timeOfInput } from "./LocalInput.ts"
import { notificationText } from "./RuleNames.ts"
import { type Explanation, whyIn, type WhySearch, whyQuery } from "./WhyQuery.ts"

/** Why a user would, or would not, get a notification. The notification is in the link. */
export const WhyPage = () => {
  useTitle("Why")
  const { id } = useParams({ from: "/staff/users/$id/why" })
  const search = whyIn(useSearch({ from: "/staff/users/$id/why" }))
  const why = useQuery(whyQuery(id, search))
  const failure = why.isError ? asApiFailure(why.error) : null
  // The id in the link is none.
  if (failure?.status === 404) return <NotFoundPage />
  return (
    <>
      <header className="heading">
        <div>
          <h1>Would this user get a notification?</h1>
          <p>
            <UserLink id={id} />
          </p>
        </div>
      </header>
      <NotificationForm key={JSON.stringify(search)} id={id} search={search} failure={failure} />
      {why.isPending ? <PendingPage /> : null}
      {failure === null || failure.status === 422 ? null : (
        <div className="alert" role="alert">
          <FailureText failure={failure} />
          <Button onClick={() => why.refetch()} isBusy={why.isFetching}>
            Try again
          </Button>
        </div>
      )}
      {why.isSuccess ? <Answer decision={why.data} isNow={search.at === undefined} /> : null}
    </>
  )
}

const Answer = ({ decision, isNow }: { decision: Explanation; isNow: boolean }) => {
  const { at, decision: outcome, next_step, preferences_version, until } = decision
  const text = notificationText(decision)
  return (
    <>
      <Section id="decision" title={isNow ? "If it were sent now" : "If it were sent at this time"}>
        <output className="verdict">
          <DecisionBadge decision={decision} />
          <strong>
            {outcome === "allow" ? `This ${text} would be sent.` : null}
            {outcome === "deny" ? `This ${text} would not be sent.` : null}
            {outcome === "defer" ? (
              <>
                This {text} would wait until <Time at={until} />.
              </>
            ) : null}
          </strong>
        </output>
        <p>{next_step}</p>
        <Facts
          facts={[
            ["Time of sending", <Time key="at" at={at} />],
            ["Preferences version", preferences_version ?? <span className="soft">none</span>]
          ]}
        />
      </Section>
      <Section id="rules" title="Rules, in order">
        <RulesTable decision={decision} label="Rules" />
      </Section>
    </>
  )
}

interface NotificationFormProps {
  readonly id: string
  readonly search: WhySearch
  readonly failure: ApiFailure | null
}

const NotificationForm = ({ failure, id, search }: NotificationFormProps) => {
  const navigate = useNavigate()
  const [time, setTime] = useState(() => localInput(search.at))
  const { errors, noteChange } = useFieldErrors(failure)
  const go = (next: WhySearch) => navigate({ to: "/users/$id/why", params: { id }, search: next, resetScroll: false })
  const { at: _at, ...withoutTime } = search
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const at = timeOfInput(time)
    void go(at === undefined ? withoutTime : { ...search, at })
  }
  return (
    <Form validationBehavior="aria" className="search filters" onSubmit={submit} validationErrors={errors}>
      <Choice
        label="Channel"
        value={search.channel}
        options={Channel.literals}
        onChange={(channel) => go({ ...search, channel: channel ?? search.channel })}
      />
      <Choice
        label="Category"
        value={search.category}
        options={Category.literals}
        onChange={(category) => go({ ...search, category: category ?? search.category })}
      />
      <Field
        name="at"
        label="Time of sending"
        type="datetime-local"
        hint="In your time zone. Empty for now."
        value={time}
        onChange={(value) => {
          noteChange("at")
          setTime(value)
        }}
      />
      <Button look="primary" type="submit">
        Show
      </Button>
      {search.at === undefined ? null : (
        <Link to="/users/$id/why" params={{ id }} search={withoutTime} resetScroll={false} className="button">
          Now
        </Link>
      )}
    </Form>
  )
}
