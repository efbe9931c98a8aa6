import { useMutation } from "@tanstack/react-query"
import { type FormEvent, useEffect, useRef, useState } from "react"
import { Form } from "react-aria-components/Form"
import { type ApiFailure } from "../api/ApiFailure.ts"
import { Button } from "../ui/Button.tsx"
import { Field } from "../ui/Field.tsx"
import { errorsOf, FailureText } from "../ui/States.tsx"
import { type UserAct } from "./UserActs.ts"
import type { UserView } from "./UserQuery.ts"

interface ActDialogProps {
  readonly act: UserAct
  readonly target: string
  readonly record: UserView
  readonly onClose: () => void
  /** Called with a sentence about what has happened. */
  readonly onDone: (result: string) => void
}

/** Says what an act will do, asks for the reason, and does it. */
export const ActDialog = ({ act, onClose, onDone, record, target }: ActDialogProps) => {
  const dialog = useRef<HTMLDialogElement>(null)
  const fields = act.fields?.(record) ?? []
  const [reason, setReason] = useState("")
  const [values, setValues] = useState<Readonly<Record<string, string>>>(() =>
    Object.fromEntries(fields.map(({ name, value }) => [name, value]))
  )
  const perform = useMutation<string, ApiFailure>({
    mutationFn: () => act.perform({ record, target, reason, values }),
    onSuccess: onDone
  })
  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!perform.isPending) perform.mutate()
  }
  const failure = perform.error
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby="act-title" aria-describedby="act-effect" onClose={onClose}>
      <h2 id="act-title">{act.label}</h2>
      <p id="act-effect">{act.effect(record, target)}</p>
      <Form onSubmit={submit} validationErrors={errorsOf(failure)}>
        {fields.map(({ hint, isRequired = false, label, name, type }) => (
          <Field
            key={name}
            name={name}
            label={label}
            type={type}
            hint={hint}
            isRequired={isRequired}
            autoComplete="off"
            value={values[name] ?? ""}
            onChange={(value) => setValues({ ...values, [name]: value })}
          />
        ))}
        <Field
          name="reason"
          label="Reason"
          hint="For the audit log, such as the number of a ticket. 3 to 500 characters."
          isRequired
          autoComplete="off"
          value={reason}
          onChange={setReason}
        />
        {failure === null || (failure.status === 422 && Object.keys(failure.fields).length > 0) ? null : (
          <div className="alert" role="alert">
            <FailureText failure={failure} />
          </div>
        )}
        <div className="actions">
          <Button look={act.isDestructive === true ? "danger" : "primary"} type="submit" isBusy={perform.isPending}>
            {act.label}
          </Button>
          <Button onClick={() => dialog.current?.close()}>Cancel</Button>
        </div>
      </Form>
    </dialog>
  )
}
