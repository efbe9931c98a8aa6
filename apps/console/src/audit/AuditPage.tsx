import { hasRole } from "@user-service/domain/Role"
import { useInfiniteQuery, useMutation } from "@tanstack/react-query"
import { useNavigate, useRouteContext, useSearch } from "@tanstack/react-router"
import { type FormEvent, useState } from "react"
import { Form } from "react-aria-components/Form"
import { type ApiFailure, asApiFailure } from "../api/ApiFailure.ts"
import { Button } from "../ui/Button.tsx"
import { DataTable } from "../ui/DataTable.tsx"
import { Field } from "../ui/Field.tsx"
import { PagedList } from "../ui/PagedList.tsx"
import { sizeText } from "../ui/Size.ts"
import { useFieldErrors } from "../ui/FieldErrors.ts"
import { FailureText } from "../ui/States.tsx"
import { Time } from "../ui/Time.tsx"
import { useTitle } from "../ui/Title.ts"
import { exportAuditLog } from "./AuditExport.ts"
import { type AuditLinkSearch, auditLogQuery, filterIn } from "./AuditLogQuery.ts"
import { EntryActor, EntryDetails, EntryUser } from "./EntryCells.tsx"

/** The audit log. The selection is in its link. */
export const AuditPage = () => {
  useTitle("Audit log")
  const filter = filterIn(useSearch({ from: "/staff/audit" }))
  const { session } = useRouteContext({ from: "/staff" })
  const log = useInfiniteQuery(auditLogQuery(filter))
  const failure = log.isError ? asApiFailure(log.error) : null
  return (
    <>
      <header className="heading">
        <h1>Audit log</h1>
        {hasRole(session.role, "admin") ? <Export filter={filter} /> : null}
      </header>
      <FilterForm key={JSON.stringify(filter)} filter={filter} failure={failure} />
      <div className="card">
        <PagedList query={log} more="Older entries" hasForm>
          {(entries) => (
            <DataTable
              label="Audit log"
              empty={log.hasNextPage ? "None so far." : "No entry matches."}
              rows={entries}
              keyOf={({ id }) => id}
              columns={[
                { title: "Time", cell: ({ created_at }) => <Time at={created_at} /> },
                { title: "Action", cell: ({ action }) => <code>{action}</code> },
                { title: "User", cell: ({ user_id }) => <EntryUser id={user_id} /> },
                { title: "Actor", cell: (entry) => <EntryActor entry={entry} /> },
                { title: "Address", cell: ({ ip }) => ip ?? <span className="soft">none</span> },
                { title: "Details", cell: (entry) => <EntryDetails entry={entry} /> }
              ]}
            />
          )}
        </PagedList>
      </div>
    </>
  )
}

/** The button that exports the selected entries, and what became of the export. */
const Export = ({ filter }: { filter: AuditLinkSearch }) => {
  const download = useMutation({ mutationFn: () => exportAuditLog(filter) })
  return (
    <div className="export">
      <Button onClick={() => download.mutate()} isBusy={download.isPending}>
        {download.isPending ? "Exporting …" : "Export these entries"}
      </Button>
      <output className={download.data === undefined ? "visually-hidden" : "done"}>
        {download.data === undefined ? null : `The export is complete: ${sizeText(download.data)}.`}
      </output>
      {download.isError ? (
        <div className="alert" role="alert">
          <p>The export was not completed. A new file was not kept, and an existing file was not changed.</p>
          <FailureText failure={asApiFailure(download.error)} />
        </div>
      ) : null}
    </div>
  )
}

const fields = [
  { name: "user_id", label: "Id of the user" },
  { name: "actor_id", label: "Id of the actor" },
  { name: "action", label: "Action" },
  { name: "from", label: "From (UTC)" },
  { name: "to", label: "Before (UTC)" }
] as const

const FilterForm = ({ failure, filter }: { filter: AuditLinkSearch; failure: ApiFailure | null }) => {
  const navigate = useNavigate()
  const [values, setValues] = useState(filter)
  const { errors, noteChange } = useFieldErrors(failure)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void navigate({ to: "/audit", search: filterIn(values), resetScroll: false })
  }
  return (
    <Form validationBehavior="aria" className="search filters" onSubmit={submit} validationErrors={errors}>
      {fields.map(({ label, name }) => (
        <Field
          key={name}
          name={name}
          label={label}
          autoComplete="off"
          {...(name === "from" || name === "to" ? { placeholder: "2026-12-01T00:00:00Z" } : {})}
          value={values[name] ?? ""}
          onChange={(value) => {
            noteChange(name)
            setValues({ ...values, [name]: value.trim() })
          }}
        />
      ))}
      <Button look="primary" type="submit">
        Filter
      </Button>
    </Form>
  )
}
