// Stands for @realtime-hub/client: the signatures that generated code relies on.
declare const carries: unique symbol;

export interface Channel<out Out, in In = never> {
  readonly name: string;
  readonly [carries]: (message: In) => Out;
}

export type Params<Name extends string> = Name extends `${string}{${infer Param}}${infer Rest}`
  ? { readonly [K in Param | keyof Params<Rest>]: string }
  : unknown;

export declare const channel: <Out, In = never>(name: string) => Channel<Out, In>;

export declare const template: <Out, In = never>() => <const Name extends string>(name: Name) => (params: Params<Name>) => Channel<Out, In>;

export declare class Hub {
  subscribe<Out>(channel: Channel<Out>, listener: (message: Out) => void): void;
  send<In>(channel: Channel<unknown, In>, payload: NoInfer<In>): Promise<void>;
}
