# SPDX-License-Identifier: EUPL-1.2
"""What is plugged into the guest, and what Debian 12's pcscd (libccid 1.5.2) makes of it.

The class of 0B00:0090's interface is not published: both that it may have are tried.
"""
from usb_reader import Interface, Model

MODELS = {
    # two slots of one interface, APDU level
    "doctolib": Model(0x1C34, 0xAFD0, "Doctolib", "SR",
                      [Interface(slots=2, features=0x0004047E, longest=65554, name="CCID")]),
    # two interfaces of one slot, TPDU level
    "kap-link": Model(0x2947, 0x0101, "KAPELSE", "KAP-LINK",
                      [Interface(name="00402081 KAP-LINK 0"), Interface(name="00402081 KAP-LINK 1")]),
    # three interfaces; libccid knows it since 1.5.5, so Debian 12's does not
    "kap-link2": Model(0x2947, 0x0105, "KAPELSE", "KAP-LINK2", [Interface(), Interface(), Interface()]),
    "ingenico": Model(0x0B00, 0x0090, "INGENICO", "Lecteur SESAM VITALE", [Interface()]),
    "ingenico-ff": Model(0x0B00, 0x0090, "INGENICO", "Lecteur SESAM VITALE", [Interface(slots=0, usb_class=0xFF)]),
    "gemalto": Model(0x08E6, 0x3437, "Gemalto", "USB SmartCard Reader", [Interface()]),
    # no reader at all
    "other": Model(0xFFFF, 0x0001, "Nobody", "Something", [Interface(slots=0, usb_class=0xFF)]),
}

# what the database says: all that begins with VITALED_ and the rest of its properties
NAMED = {
    "doctolib": {"ID_VENDOR_FROM_DATABASE": "SpringCard", "ID_MODEL_FROM_DATABASE": "Doctolib SR",
                 "VITALED_READER": "1", "VITALED_SLOTS": "2", "VITALED_LIBCCID": "1.4.32"},
    "kap-link": {"ID_VENDOR_FROM_DATABASE": "Kapelse", "ID_MODEL_FROM_DATABASE": "KAP-LINK", "VITALED_READER": "1",
                 "VITALED_SLOTS": "2", "VITALED_LIBCCID": "1.5.2", "ID_MM_DEVICE_IGNORE": "1"},
    "kap-link2": {"ID_VENDOR_FROM_DATABASE": "Kapelse", "ID_MODEL_FROM_DATABASE": "KAP-LINK2", "VITALED_READER": "1",
                  "VITALED_SLOTS": "3", "VITALED_LIBCCID": "1.5.5", "ID_MM_DEVICE_IGNORE": "1"},
    "ingenico": {"ID_VENDOR_FROM_DATABASE": "Ingenico", "ID_MODEL_FROM_DATABASE": "Lecteur SESAM-Vitale",
                 "VITALED_READER": "1", "VITALED_LIBCCID": "no", "ID_MM_DEVICE_IGNORE": "1"},
    "gemalto": {"ID_VENDOR_FROM_DATABASE": "Gemalto", "ID_MODEL_FROM_DATABASE": "GemPC Twin", "VITALED_READER": "1",
                "VITALED_SLOTS": "1", "VITALED_LIBCCID": "0.3.0"},
    "other": {},
}
NAMED["ingenico-ff"] = NAMED["ingenico"]

# what pcscd calls it, interface by interface: (name without its two numbers, slots)
PCSC = {
    "doctolib": [("Doctolib SR [CCID]", 2)],
    "kap-link": [("KAPELSE KAP-LINK [00402081 KAP-LINK 0]", 1), ("KAPELSE KAP-LINK [00402081 KAP-LINK 1]", 1)],
    "gemalto": [("Gemalto PC Twin Reader", 1)],
}
UNSEEN = ["kap-link2", "ingenico", "ingenico-ff"]  # readers that pcscd does not show
IN_CLASS = ["doctolib", "kap-link", "kap-link2", "ingenico", "gemalto"]
EVERY = list(MODELS)
