"""Small audit files by the published schemas: SAF-T Financial of Norway 1.30, Portugal 1.04_01 and Romania
(D406), and XAF 3.2 of the Netherlands. In each, an invoice of 100 with tax."""

NORWAY = """<?xml version="1.0" encoding="utf-8"?>
<n1:AuditFile xmlns:n1="urn:StandardAuditFile-Taxation-Financial:NO">
  <n1:Header>
    <n1:AuditFileVersion>1.30</n1:AuditFileVersion>
    <n1:AuditFileCountry>NO</n1:AuditFileCountry>
    <n1:AuditFileDateCreated>2025-02-01</n1:AuditFileDateCreated>
    <n1:SoftwareCompanyName>Regnskap AS</n1:SoftwareCompanyName>
    <n1:Company>
      <n1:RegistrationNumber>999999999</n1:RegistrationNumber>
      <n1:Name>Ålesund Fisk AS</n1:Name>
      <n1:Contact><n1:ContactPerson><n1:FirstName>Kari</n1:FirstName></n1:ContactPerson></n1:Contact>
    </n1:Company>
    <n1:DefaultCurrencyCode>NOK</n1:DefaultCurrencyCode>
    <n1:TaxAccountingBasis>A</n1:TaxAccountingBasis>
  </n1:Header>
  <n1:MasterFiles>
    <n1:GeneralLedgerAccounts>
      <n1:Account>
        <n1:AccountID>6300</n1:AccountID>
        <n1:AccountDescription>Leie lokale</n1:AccountDescription>
        <n1:GroupingCategory>RF-1167</n1:GroupingCategory>
        <n1:GroupingCode>6300</n1:GroupingCode>
        <n1:AccountType>GL</n1:AccountType>
        <n1:OpeningDebitBalance>0</n1:OpeningDebitBalance>
        <n1:ClosingDebitBalance>100</n1:ClosingDebitBalance>
      </n1:Account>
      <n1:Account>
        <n1:AccountID>2710</n1:AccountID><n1:AccountDescription>Inngående mva</n1:AccountDescription>
      </n1:Account>
      <n1:Account><n1:AccountID>1920</n1:AccountID><n1:AccountDescription>Bank</n1:AccountDescription></n1:Account>
    </n1:GeneralLedgerAccounts>
    <n1:Customers><n1:Customer><n1:Name>Ola</n1:Name><n1:CustomerID>1</n1:CustomerID></n1:Customer></n1:Customers>
    <n1:AnalysisTypeTable>
      <n1:AnalysisTypeTableEntry>
        <n1:AnalysisType>A</n1:AnalysisType>
        <n1:AnalysisTypeDescription>Avdeling</n1:AnalysisTypeDescription>
        <n1:AnalysisID>10</n1:AnalysisID>
        <n1:AnalysisIDDescription>Butikk</n1:AnalysisIDDescription>
      </n1:AnalysisTypeTableEntry>
    </n1:AnalysisTypeTable>
  </n1:MasterFiles>
  <n1:GeneralLedgerEntries>
    <n1:NumberOfEntries>1</n1:NumberOfEntries>
    <n1:TotalDebit>125.00</n1:TotalDebit>
    <n1:TotalCredit>125.00</n1:TotalCredit>
    <n1:Journal>
      <n1:JournalID>GL</n1:JournalID>
      <n1:Description>Hovedbok</n1:Description>
      <n1:Type>GL</n1:Type>
      <n1:Transaction>
        <n1:TransactionID>7</n1:TransactionID>
        <n1:Period>1</n1:Period>
        <n1:PeriodYear>2025</n1:PeriodYear>
        <n1:TransactionDate>2025-01-31</n1:TransactionDate>
        <n1:Description>Husleie januar</n1:Description>
        <n1:SystemEntryDate>2025-02-01</n1:SystemEntryDate>
        <n1:GLPostingDate>2025-02-01</n1:GLPostingDate>
        <n1:Line>
          <n1:RecordID>1</n1:RecordID>
          <n1:AccountID>6300</n1:AccountID>
          <n1:Analysis><n1:AnalysisType>A</n1:AnalysisType><n1:AnalysisID>10</n1:AnalysisID></n1:Analysis>
          <n1:Description>Leie</n1:Description>
          <n1:DebitAmount><n1:Amount>100.00</n1:Amount></n1:DebitAmount>
          <n1:TaxInformation><n1:TaxType>MVA</n1:TaxType><n1:TaxAmount><n1:Amount>25.00</n1:Amount></n1:TaxAmount></n1:TaxInformation>
        </n1:Line>
        <n1:Line>
          <n1:RecordID>2</n1:RecordID>
          <n1:AccountID>2710</n1:AccountID>
          <n1:Description>Mva</n1:Description>
          <n1:CreditAmount><n1:Amount>-25.00</n1:Amount></n1:CreditAmount>
        </n1:Line>
        <n1:Line>
          <n1:RecordID>3</n1:RecordID>
          <n1:AccountID>1920</n1:AccountID>
          <n1:Description>Bank</n1:Description>
          <n1:CreditAmount>
            <n1:Amount>125.00</n1:Amount><n1:CurrencyCode>EUR</n1:CurrencyCode><n1:CurrencyAmount>11.00</n1:CurrencyAmount>
          </n1:CreditAmount>
        </n1:Line>
      </n1:Transaction>
    </n1:Journal>
  </n1:GeneralLedgerEntries>
</n1:AuditFile>
"""

PORTUGAL = """<?xml version="1.0" encoding="Windows-1252"?>
<AuditFile xmlns="urn:OECD:StandardAuditFile-Tax:PT_1.04_01">
  <Header>
    <AuditFileVersion>1.04_01</AuditFileVersion>
    <CompanyID>Lisboa 1234</CompanyID>
    <TaxRegistrationNumber>500000000</TaxRegistrationNumber>
    <TaxAccountingBasis>C</TaxAccountingBasis>
    <CompanyName>Pão e Companhia, Lda.</CompanyName>
    <FiscalYear>2024</FiscalYear>
    <CurrencyCode>EUR</CurrencyCode>
  </Header>
  <MasterFiles>
    <GeneralLedgerAccounts>
      <TaxonomyReference>S</TaxonomyReference>
      <Account>
        <AccountID>62</AccountID>
        <AccountDescription>Fornecimentos e serviços</AccountDescription>
        <OpeningDebitBalance>0</OpeningDebitBalance>
        <GroupingCategory>GR</GroupingCategory>
      </Account>
      <Account>
        <AccountID>6261</AccountID>
        <AccountDescription>Rendas</AccountDescription>
        <GroupingCategory>GM</GroupingCategory>
        <GroupingCode>62</GroupingCode>
      </Account>
      <Account><AccountID>2432</AccountID><AccountDescription>IVA dedutível</AccountDescription></Account>
      <Account><AccountID>12</AccountID><AccountDescription>Depósitos à ordem</AccountDescription></Account>
    </GeneralLedgerAccounts>
  </MasterFiles>
  <GeneralLedgerEntries>
    <NumberOfEntries>1</NumberOfEntries>
    <TotalDebit>123.00</TotalDebit>
    <TotalCredit>123.00</TotalCredit>
    <Journal>
      <JournalID>2</JournalID>
      <Description>Compras</Description>
      <Transaction>
        <TransactionID>2024-01-31 2 17</TransactionID>
        <Period>1</Period>
        <TransactionDate>2024-01-31</TransactionDate>
        <SourceID>ana</SourceID>
        <Description>Renda de janeiro</Description>
        <DocArchivalNumber>17</DocArchivalNumber>
        <TransactionType>N</TransactionType>
        <GLPostingDate>2024-02-02</GLPostingDate>
        <Lines>
          <DebitLine>
            <RecordID>1</RecordID><AccountID>6261</AccountID><SystemEntryDate>2024-02-02T10:00:00</SystemEntryDate>
            <Description>Renda</Description><DebitAmount>100.00</DebitAmount>
          </DebitLine>
          <DebitLine>
            <RecordID>2</RecordID><AccountID>2432</AccountID><SystemEntryDate>2024-02-02T10:00:00</SystemEntryDate>
            <Description>IVA</Description><DebitAmount>23.00</DebitAmount>
          </DebitLine>
          <CreditLine>
            <RecordID>3</RecordID><AccountID>12</AccountID><SystemEntryDate>2024-02-02T10:00:00</SystemEntryDate>
            <Description>Banco</Description><CreditAmount>123.00</CreditAmount>
          </CreditLine>
        </Lines>
      </Transaction>
    </Journal>
  </GeneralLedgerEntries>
  <SourceDocuments>
    <SalesInvoices>
      <Invoice><Line><LineNumber>1</LineNumber><CreditAmount>5</CreditAmount></Line></Invoice>
    </SalesInvoices>
  </SourceDocuments>
</AuditFile>
"""

ROMANIA = """<?xml version="1.0" encoding="UTF-8"?>
<nsSAFT:AuditFile xmlns:nsSAFT="mfp:anaf:dgti:d406:declaratie:v1">
  <nsSAFT:Header>
    <nsSAFT:AuditFileVersion>2.4.7</nsSAFT:AuditFileVersion>
    <nsSAFT:AuditFileCountry>RO</nsSAFT:AuditFileCountry>
    <nsSAFT:Company>
      <nsSAFT:RegistrationNumber>18547290</nsSAFT:RegistrationNumber>
      <nsSAFT:Name>Pâine SRL</nsSAFT:Name>
    </nsSAFT:Company>
    <nsSAFT:DefaultCurrencyCode>RON</nsSAFT:DefaultCurrencyCode>
  </nsSAFT:Header>
  <nsSAFT:MasterFiles>
    <nsSAFT:GeneralLedgerAccounts>
      <nsSAFT:Account>
        <nsSAFT:AccountID>612</nsSAFT:AccountID>
        <nsSAFT:AccountDescription>Chirii</nsSAFT:AccountDescription>
        <nsSAFT:AccountType>Activ</nsSAFT:AccountType>
      </nsSAFT:Account>
      <nsSAFT:Account><nsSAFT:AccountID>4426</nsSAFT:AccountID></nsSAFT:Account>
      <nsSAFT:Account><nsSAFT:AccountID>5121</nsSAFT:AccountID></nsSAFT:Account>
    </nsSAFT:GeneralLedgerAccounts>
  </nsSAFT:MasterFiles>
  <nsSAFT:GeneralLedgerEntries>
    <nsSAFT:Journal>
      <nsSAFT:JournalID>ACH</nsSAFT:JournalID>
      <nsSAFT:Transaction>
        <nsSAFT:TransactionID>17</nsSAFT:TransactionID>
        <nsSAFT:TransactionDate>2024-01-31</nsSAFT:TransactionDate>
        <nsSAFT:Description>Chirie ianuarie</nsSAFT:Description>
        <nsSAFT:TransactionLine>
          <nsSAFT:RecordID>1</nsSAFT:RecordID>
          <nsSAFT:AccountID>612</nsSAFT:AccountID>
          <nsSAFT:Description>Chirie</nsSAFT:Description>
          <nsSAFT:DebitAmount><nsSAFT:Amount>100.00</nsSAFT:Amount></nsSAFT:DebitAmount>
          <nsSAFT:CreditAmount><nsSAFT:Amount>0.00</nsSAFT:Amount></nsSAFT:CreditAmount>
        </nsSAFT:TransactionLine>
        <nsSAFT:TransactionLine>
          <nsSAFT:RecordID>2</nsSAFT:RecordID>
          <nsSAFT:AccountID>4426</nsSAFT:AccountID>
          <nsSAFT:DebitAmount><nsSAFT:Amount>19.00</nsSAFT:Amount></nsSAFT:DebitAmount>
        </nsSAFT:TransactionLine>
        <nsSAFT:TransactionLine>
          <nsSAFT:RecordID>3</nsSAFT:RecordID>
          <nsSAFT:AccountID>5121</nsSAFT:AccountID>
          <nsSAFT:CreditAmount><nsSAFT:Amount>119.00</nsSAFT:Amount></nsSAFT:CreditAmount>
        </nsSAFT:TransactionLine>
      </nsSAFT:Transaction>
    </nsSAFT:Journal>
  </nsSAFT:GeneralLedgerEntries>
</nsSAFT:AuditFile>
"""

NETHERLANDS = """<?xml version="1.0" encoding="UTF-8"?>
<auditfile xmlns="http://www.auditfiles.nl/XAF/3.2">
  <header><fiscalYear>2024</fiscalYear><curCode>EUR</curCode><softwareDesc>Boek</softwareDesc></header>
  <company>
    <companyIdent>12345678</companyIdent>
    <companyName>Brood BV</companyName>
    <taxRegistrationCountry>NL</taxRegistrationCountry>
    <taxRegIdent>001234567B01</taxRegIdent>
    <customersSuppliers>
      <customerSupplier><custSupID>9</custSupID><custSupName>Huur NV</custSupName></customerSupplier>
    </customersSuppliers>
    <generalLedger>
      <ledgerAccount><accID>4100</accID><accDesc>Huur</accDesc><accTp>P</accTp></ledgerAccount>
      <ledgerAccount><accID>1520</accID><accDesc>Btw</accDesc><accTp>B</accTp></ledgerAccount>
      <ledgerAccount><accID>1100</accID><accDesc>Bank</accDesc><accTp>B</accTp></ledgerAccount>
    </generalLedger>
    <openingBalance>
      <opBalDate>2024-01-01</opBalDate><linesCount>1</linesCount>
      <obLine><nr>1</nr><accID>1100</accID><amnt>500.00</amnt><amntTp>D</amntTp></obLine>
      <obLine><nr>2</nr><accID>0500</accID><amnt>500.00</amnt><amntTp>C</amntTp></obLine>
    </openingBalance>
    <transactions>
      <linesCount>3</linesCount><totalDebit>121.00</totalDebit><totalCredit>121.00</totalCredit>
      <journal>
        <jrnID>20</jrnID><desc>Inkoop</desc><jrnTp>P</jrnTp>
        <transaction>
          <nr>17</nr><desc>Huur januari</desc><periodNumber>1</periodNumber><trDt>2024-01-31</trDt>
          <trLine>
            <nr>1</nr><accID>4100</accID><docRef>F1</docRef><effDate>2024-01-31</effDate><desc>Huur</desc>
            <amnt>100.00</amnt><amntTp>D</amntTp><costID>K1</costID>
          </trLine>
          <trLine>
            <nr>2</nr><accID>1520</accID><effDate>2024-01-31</effDate><desc>Btw</desc>
            <amnt>-21.00</amnt><amntTp>C</amntTp>
          </trLine>
          <trLine>
            <nr>3</nr><accID>1100</accID><effDate>2024-01-31</effDate><desc>Bank</desc>
            <amnt>121.00</amnt><amntTp>C</amntTp>
          </trLine>
        </transaction>
      </journal>
    </transactions>
  </company>
</auditfile>
"""
