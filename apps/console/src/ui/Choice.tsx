import { useId } from "react"

interface ChoiceProps<Option extends string> {
  readonly label: string
  readonly value: Option | undefined
  readonly options: ReadonlyArray<Option>
  /** The option for no value. Without it, the value is required. */
  readonly none?: string
  readonly onChange: (value: Option | undefined) => void
}

/** A field with a few options. */
export const Choice = <Option extends string>({ label, none, onChange, options, value }: ChoiceProps<Option>) => {
  const id = useId()
  return (
    <div className="field choice">
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        value={value ?? ""}
        onChange={({ target }) => onChange(options.find((option) => option === target.value))}
      >
        {none === undefined ? null : <option value="">{none}</option>}
        {options.map((option) => (
          <option key={option}>{option}</option>
        ))}
      </select>
    </div>
  )
}
