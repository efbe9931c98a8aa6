import { useMutation } from "@tanstack/react-query"
import { type FormEvent, type ReactNode, useState } from "react"
import { Form } from "react-aria-components/Form"
import type { ApiFailure } from "../api/ApiFailure.ts"
import { Button } from "./Button.tsx"
import { Choice } from "./Choice.tsx"
import { Field } from "./Field.tsx"
import { useFieldErrors } from "./FieldErrors.ts"
import { FailureText } from "./States.tsx"

interface TextInput {
  readonly name: string
  readonly label: string
  readonly type: "text" | "email" | "tel" | "time" | "number"
  readonly value: string
  readonly hint?: ReactNode
  readonly isRequired?: boolean
}

interface ChoiceInput {
  readonly name: string
  readonly label: string
  readonly type: "choice"
  readonly value: string
  readonly options: ReadonlyArray<string>
  /** The option for no value, which is the empty text. */
  readonly none: string
}

/** A field of an act, with its value when the form opens. */
export type ActField = TextInput | ChoiceInput

/** What the member of staff has entered. */
export interface ActValues {
  readonly reason: string
  readonly values: Readonly<Record<string, string>>
}

export interface ReasonFormProps<Result> {
  /** The text of the button. */
  readonly label: string
  readonly isDestructive?: boolean | undefined
  readonly fields?: ReadonlyArray<ActField> | undefined
  readonly perform: (input: ActValues) => Promise<Result>
  readonly onDone: (result: Result) => unknown
  readonly onCancel: () => void
}

const noFields: ReadonlyArray<ActField> = []

/** Asks for the fields of an act and for its reason, and performs it. */
export const ReasonForm = <Result,>({
  fields = noFields,
  isDestructive = false,
  label,
  onCancel,
  onDone,
  perform
}: ReasonFormProps<Result>) => {
  const [reason, setReason] = useState("")
  const [values, setValues] = useState<Readonly<Record<string, string>>>(() =>
    Object.fromEntries(fields.map(({ name, value }) => [name, value]))
  )
  const act = useMutation<Result, ApiFailure>({
    mutationFn: () => perform({ reason, values }),
    onSuccess: onDone
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!act.isPending) act.mutate()
  }
  const failure = act.error
  const { errors, noteChange } = useFieldErrors(failure)
  return (
    <Form validationBehavior="aria" className="reason-form" onSubmit={submit} validationErrors={errors}>
      {fields.map((field) => (
        <FieldOf
          key={field.name}
          field={field}
          value={values[field.name] ?? ""}
          onChange={(value) => {
            noteChange(field.name)
            setValues({ ...values, [field.name]: value })
          }}
        />
      ))}
      <Field
        name="reason"
        label="Reason"
        hint="For the audit log, such as the number of a ticket. 3 to 500 characters."
        isRequired
        autoComplete="off"
        value={reason}
        onChange={(value) => {
          noteChange("reason")
          setReason(value)
        }}
      />
      {failure === null || (failure.status === 422 && Object.keys(failure.fields).length > 0) ? null : (
        <div className="alert" role="alert">
          <FailureText failure={failure} />
        </div>
      )}
      <div className="actions">
        <Button look={isDestructive ? "danger" : "primary"} type="submit" isBusy={act.isPending}>
          {label}
        </Button>
        <Button onClick={onCancel}>Cancel</Button>
      </div>
    </Form>
  )
}

interface FieldOfProps {
  readonly field: ActField
  readonly value: string
  readonly onChange: (value: string) => void
}

const FieldOf = ({ field, onChange, value }: FieldOfProps) =>
  field.type === "choice" ? (
    <Choice
      label={field.label}
      options={field.options}
      none={field.none}
      value={value === "" ? undefined : value}
      onChange={(option) => onChange(option ?? "")}
    />
  ) : (
    <Field
      name={field.name}
      label={field.label}
      type={field.type}
      hint={field.hint}
      isRequired={field.isRequired ?? false}
      autoComplete="off"
      value={value}
      onChange={onChange}
    />
  )
