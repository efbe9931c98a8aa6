import { hasRole } from "@user-service/domain/Role"
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query"
import { Link, useNavigate, useRouteContext, useSearch } from "@tanstack/react-router"
import { type FormEvent, useState } from "react"
import { Form } from "react-aria-components/Form"
import { PauseNotice } from "../session/PauseNotice.tsx"
import { Age } from "../ui/Age.tsx"
import { Badge } from "../ui/Badge.tsx"
import { Button } from "../ui/Button.tsx"
import { DataTable } from "../ui/DataTable.tsx"
import { Field } from "../ui/Field.tsx"
import { PagedList } from "../ui/PagedList.tsx"
import { ReasonDialog } from "../ui/ReasonDialog.tsx"
import { sizeText } from "../ui/Size.ts"
import { ForbiddenPage } from "../ui/States.tsx"
import { Time } from "../ui/Time.tsx"
import { useTitle } from "../ui/Title.ts"
import { type DeadLetterActName, deadLetterActs, deadLetterSearchIn } from "./DeadLetterActs.ts"
import { deadLetterQuery, type DeadLetterView, isReplayPending } from "./DeadLetterQuery.ts"

/** The messages that could not be processed. The selected reason and the open act are in the link. */
export const DeadLettersPage = () => {
  useTitle("Dead letters")
  const { act, reason, target } = deadLetterSearchIn(useSearch({ from: "/staff/dead-letters" }))
  const { session } = useRouteContext({ from: "/staff" })
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const [result, setResult] = useState<string>()
  const letters = useInfiniteQuery(deadLetterQuery(reason))
  const mayAct = hasRole(session.role, "support")
  const selection = reason === undefined ? {} : { reason }

  const close = () => navigate({ to: "/dead-letters", search: selection, replace: true, resetScroll: false })
  const done = async (text: string) => {
    // First, so that the page never shows the result beside the old state.
    await queryClient.invalidateQueries({ queryKey: ["dead-letters"] })
    setResult(text)
    await close()
  }

  if (act !== undefined && !mayAct) return <ForbiddenPage />
  return (
    <>
      <h1>Dead letters</h1>
      <p className="soft lead">
        Messages that no worker could process, the oldest first. Their content may be secret and is not shown.
      </p>
      <output className={result === undefined ? "visually-hidden" : "done"}>{result}</output>
      <ReasonFilter key={reason} reason={reason} />
      {isReplayPending(letters.data) ? <PauseNotice readAt={letters.dataUpdatedAt} /> : null}
      <div className="card">
        <PagedList query={letters} more="Newer letters">
          {(rows) => (
            <DataTable
              label="Dead letters"
              empty={reason === undefined ? "No message waits here." : "No dead letter has this reason."}
              rows={rows}
              keyOf={({ id }) => id}
              columns={[
                {
                  title: "Received",
                  cell: ({ received_at }) => (
                    <>
                      <Time at={received_at} />
                      <div>
                        <Age at={received_at} />
                      </div>
                    </>
                  )
                },
                { title: "Queue", cell: (letter) => <Route letter={letter} /> },
                {
                  title: "Reason",
                  cell: (letter) => (
                    <Link
                      to="/dead-letters"
                      search={{ reason: letter.reason }}
                      className="text"
                      aria-label={`Only letters with the reason ${letter.reason}`}
                    >
                      {letter.reason}
                    </Link>
                  )
                },
                { title: "Size", cell: ({ size }) => <span className="nowrap">{sizeText(size)}</span> },
                { title: "State", cell: (letter) => <State letter={letter} /> },
                { title: "Id", cell: ({ id }) => <code>{id}</code> },
                ...(mayAct
                  ? [
                      {
                        title: "Act",
                        cell: (letter: DeadLetterView) => (
                          <div className="acts">
                            <ActLink name="replay" letter={letter} selection={selection} />
                            <ActLink name="discard" letter={letter} selection={selection} />
                          </div>
                        )
                      }
                    ]
                  : [])
              ]}
            />
          )}
        </PagedList>
      </div>
      {act === undefined || target === undefined ? null : (
        <ActDialog key={`${act} ${target}`} name={act} id={target} onClose={close} onDone={done} />
      )}
    </>
  )
}

const Route = ({ letter: { message_id, queue, routing_key } }: { letter: DeadLetterView }) => (
  <>
    <div>{queue}</div>
    <div className="soft agent">{routing_key}</div>
    {message_id === null ? null : <div className="soft agent">message {message_id}</div>}
  </>
)

const State = ({ letter: { is_cut, replay_requested_at } }: { letter: DeadLetterView }) => {
  if (replay_requested_at === null) {
    return is_cut ? <Badge tone="warn">cut, no replay</Badge> : <Badge>waits</Badge>
  }
  return (
    <>
      <Badge tone="good">replay requested</Badge>
      <div>
        <Age at={replay_requested_at} />
      </div>
    </>
  )
}

interface ActLinkProps {
  readonly name: DeadLetterActName
  readonly letter: DeadLetterView
  readonly selection: { readonly reason?: string }
}

const ActLink = ({ letter, name, selection }: ActLinkProps) => {
  const { isOffered, label } = deadLetterActs[name]
  return isOffered(letter) ? (
    <Link
      to="/dead-letters"
      search={{ ...selection, act: name, target: letter.id }}
      resetScroll={false}
      preload={false}
      aria-label={`${label}: ${letter.id}`}
    >
      {label}
    </Link>
  ) : null
}

interface ActDialogProps {
  readonly name: DeadLetterActName
  /** The letter. It need not be on a page that is loaded. */
  readonly id: string
  readonly onClose: () => void
  readonly onDone: (result: string) => void
}

const ActDialog = ({ id, name, ...handlers }: ActDialogProps) => {
  const { effect, isDestructive, label, perform } = deadLetterActs[name]
  return (
    <ReasonDialog
      {...handlers}
      label={label}
      isDestructive={isDestructive}
      effect={
        <>
          {effect} The letter is <code>{id}</code>.
        </>
      }
      perform={({ reason }) => perform(id, reason)}
    />
  )
}

const ReasonFilter = ({ reason = "" }: { reason: string | undefined }) => {
  const navigate = useNavigate()
  const [text, setText] = useState(reason)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const trimmed = text.trim()
    void navigate({ to: "/dead-letters", search: trimmed === "" ? {} : { reason: trimmed }, resetScroll: false })
  }
  return (
    <Form className="search" onSubmit={submit}>
      <Field
        label="Reason"
        name="reason"
        type="search"
        hint="Exactly as in the list. Empty for all."
        autoComplete="off"
        value={text}
        onChange={setText}
      />
      <Button look="primary" type="submit">
        Filter
      </Button>
    </Form>
  )
}
