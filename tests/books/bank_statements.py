"""Bank statements, written by the published rules: camt.053 (ISO 20022, versions 02 and 08), MT940 (SWIFT) and
OFX (versions 1.0.2 and 2.1.1).

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

OFX = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252
COMPRESSION:NONE
OLDFILEUID:NONE
NEWFILEUID:NONE

<OFX>
<SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20250201<LANGUAGE>ENG</SONRS></SIGNONMSGSRSV1>
<BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STATUS><CODE>0<SEVERITY>INFO</STATUS>
<STMTRS>
<CURDEF>USD
<BANKACCTFROM><BANKID>121099999<ACCTID>999 988<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20250101<DTEND>20250131
<STMTTRN>
<TRNTYPE>DEBIT
<DTPOSTED>20250131003000[+1:CET]
<TRNAMT>-1200.00
<FITID>00017
<MEMO>
<NAME>Smith &amp; Sons
</STMTTRN>
<STMTTRN><TRNTYPE>CHECK<DTPOSTED>20250130<TRNAMT>-35.5<FITID>00018<CHECKNUM>1025
<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20250129120000.000[-5:EST]<TRNAMT>+80,10<FITID>00019
<CURRENCY><CURRATE>1.1<CURSYM>EUR</CURRENCY>
<PAYEE><NAME>Telia<ADDR1>A Street 1<CITY>Stockholm<STATE>S<POSTALCODE>1<PHONE>1</PAYEE>
<MEMO>TELIA refund
for January</STMTTRN>
<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20250128<TRNAMT>-9.00<FITID>00020<CORRECTFITID>00016<CORRECTACTION>REPLACE</STMTTRN>
</BANKTRANLIST>
<LEDGERBAL><BALAMT>2000.00<DTASOF>20250131</LEDGERBAL>
</STMTRS></STMTTRNRS></BANKMSGSRSV1>
</OFX>
"""

OFX_XML = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<?OFX OFXHEADER="200" VERSION="211" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>
<OFX><CREDITCARDMSGSRSV1><CCSTMTTRNRS><TRNUID>1</TRNUID><STATUS><CODE>0</CODE><SEVERITY>INFO</SEVERITY></STATUS>
<CCSTMTRS><CURDEF>EUR</CURDEF><CCACCTFROM><ACCTID>4111</ACCTID></CCACCTFROM>
<BANKTRANLIST><DTSTART>20250101</DTSTART><DTEND>20250131</DTEND>
<STMTTRN><TRNTYPE>POS</TRNTYPE><DTPOSTED>20250110</DTPOSTED><TRNAMT>-4.20</TRNAMT><FITID>A1</FITID>
<NAME>Café</NAME><MEMO>Two coffees</MEMO></STMTTRN>
</BANKTRANLIST>
<BANKTRANLISTP><DTASOF>20250131</DTASOF><STMTTRNP><TRNTYPE>POS</TRNTYPE><DTTRAN>20250131</DTTRAN>
<TRNAMT>-1.00</TRNAMT><NAME>Kiosk</NAME></STMTTRNP></BANKTRANLISTP>
</CCSTMTRS></CCSTMTTRNRS></CREDITCARDMSGSRSV1></OFX>
"""
