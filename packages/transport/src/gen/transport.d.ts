import * as $protobuf from "protobufjs";

export namespace mako {

    namespace transport {

        interface IHello extends mako.transport.Hello.$Properties {
        }

        class Hello {
            constructor(properties?: mako.transport.Hello.$Properties);
            $unknowns?: Uint8Array[];
            version: number;
            clusterId: string;
            from: string;
            to: string;
            incarnation: number;
            attempt: number;
            purpose: mako.transport.Purpose;
            static encode(message: mako.transport.Hello.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): mako.transport.Hello & mako.transport.Hello.$Shape;
        }

        namespace Hello {
            interface $Properties {
                version?: (number|null);
                clusterId?: (string|null);
                from?: (string|null);
                to?: (string|null);
                incarnation?: (number|null);
                attempt?: (number|null);
                purpose?: (mako.transport.Purpose|null);
                $unknowns?: Uint8Array[];
            }
            type $Shape = mako.transport.Hello.$Properties;
        }

        enum Purpose {
            PURPOSE_UNSPECIFIED = 0,
            PURPOSE_LINK = 1,
            PURPOSE_KNOCK = 2
        }
    }
}
