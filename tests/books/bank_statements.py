"""Bank statements, written by the published rules: camt.053 (ISO 20022, versions 02 and 08) and MT940 (SWIFT).

The schemas' own names and order of elements; parties and numbers are made up.
"""

IBAN = "DE89370400440532013000"

CAMT = f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">
<BkToCstmrStmt>
<GrpHdr><MsgId>M1</MsgId><CreDtTm>2025-02-01T06:00:00</CreDtTm></GrpHdr>
<Stmt>
<Id>S1</Id><ElctrncSeqNb>1</ElctrncSeqNb><CreDtTm>2025-02-01T06:00:00</CreDtTm>
<Acct><Id><IBAN>{IBAN}</IBAN></Id><Ccy>EUR</Ccy><Ownr><Nm>Acme</Nm></Ownr></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">2000.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Dt><Dt>2025-01-30</Dt></Dt></Bal>
<Ntry><Amt Ccy="EUR">1200.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts>
<BookgDt><Dt>2025-01-31</Dt></BookgDt><ValDt><Dt>2025-02-01</Dt></ValDt><AcctSvcrRef>B7</AcctSvcrRef><BkTxCd/>
<NtryDtls><TxDtls><Refs><EndToEndId>R-17</EndToEndId></Refs>
<RltdPties><Dbtr><Nm>Acme</Nm></Dbtr><Cdtr><Nm>Office Landlord</Nm></Cdtr></RltdPties>
<RmtInf><Ustrd>Rent</Ustrd><Ustrd>January</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="EUR">80.1</Amt><CdtDbtInd>CRDT</CdtDbtInd><RvslInd>true</RvslInd><Sts>BOOK</Sts>
<BookgDt><DtTm>2025-01-31T23:30:00+01:00</DtTm></BookgDt><BkTxCd/>
<NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>
<RltdPties><Dbtr><Nm>Telia</Nm></Dbtr><Cdtr><Nm>Acme</Nm></Cdtr></RltdPties>
<RmtInf><Strd><CdtrRefInf><Ref>RF18</Ref></CdtrRefInf></Strd></RmtInf></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="EUR">5.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>PDNG</Sts>
<BookgDt><Dt>2025-01-31</Dt></BookgDt><BkTxCd/></Ntry>
<Ntry><Amt Ccy="USD">9.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><ValDt><Dt>2025-02-01</Dt></ValDt>
<BkTxCd/><AddtlNtryInf>Card fee</AddtlNtryInf></Ntry>
</Stmt>
</BkToCstmrStmt>
</Document>
"""

CAMT_08 = """<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>
<Acct><Id><Othr><Id>12 34-5</Id></Othr></Id><Ccy>SEK</Ccy></Acct>
<Ntry><Amt Ccy="SEK">300</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2025-03-03</Dt></BookgDt><NtryDtls>
<TxDtls><RltdPties><Dbtr><Pty><Nm>Ann</Nm></Pty></Dbtr></RltdPties></TxDtls>
<TxDtls><RltdPties><Dbtr><Pty><Nm>Bo</Nm></Pty></Dbtr></RltdPties></TxDtls></NtryDtls></Ntry>
</Stmt></BkToCstmrStmt></Document>
"""

MT940 = f"""{{1:F01BANKDEFFXXXX0000000000}}{{2:I940X}}{{4:
:20:STARTUMS
:25:{IBAN}
:28C:1/1
:60F:C250130EUR2000,00
:61:2501310131D1200,00NTRFR-17//B7
:86:177?00TRANSFER?20Rent Jan?21uary?30BANKDEFF?32Office Land?33lord
:61:2501020102RC80,1NTRFNONREF
bank code 12
:86:Taken back
with two lines
:61:2412311230C5,NMSCINTEREST
:62F:C250131EUR724,90
-}}
"""
